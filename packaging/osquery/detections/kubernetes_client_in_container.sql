-- Technique: T1613, T1609, T1552.007
-- Means: kubectl, docker, crictl or a similar client runs in a container, or a command there contains the service account's token or the address of the Kubernetes API.
-- Look at: the service account, and the API's audit log at that time.
-- Known: operators, agents and deployment jobs that are made of kubectl: allow by cgroup_path or by exact cmdline and uid.
entry_type = 'container'
AND ({program} IN ('kubectl', 'oc', 'helm', 'docker', 'podman', 'crictl', 'ctr', 'nerdctl', 'etcdctl', 'kubeletctl', 'kubeadm', 'peirates')
  OR (({program} IN {network_tools} OR {program} IN {shells} OR {program} IN ('cat', 'cp', 'base'))
    AND (cmdline GLOB '*/secrets/kubernetes.io/serviceaccount*' OR cmdline GLOB '*://kubernetes.default*' OR cmdline GLOB '*KUBERNETES_SERVICE_HOST*' OR cmdline GLOB '*KUBERNETES_PORT_443*')))
