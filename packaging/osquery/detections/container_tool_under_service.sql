-- Technique: T1610, T1613
-- Means: docker, kubectl, crictl, ctr, nsenter or unshare under a web or database server.
-- Look at: what it started, with which mounts and rights.
-- Known: control panels and build servers that manage containers.
{program} IN ('docker', 'podman', 'kubectl', 'crictl', 'ctr', 'nerdctl', 'nsenter', 'unshare', 'runc', 'lxc')
AND {under services}
