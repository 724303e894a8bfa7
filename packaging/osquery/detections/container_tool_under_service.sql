-- Technique: T1610, T1613
-- Means: docker, kubectl, crictl, ctr, nsenter or unshare runs under a web or database server.
-- Look at: the container that it started, its mounts and its privileges.
-- Known: control panels and build servers that manage containers.
{program} IN ('docker', 'podman', 'kubectl', 'crictl', 'ctr', 'nerdctl', 'nsenter', 'unshare', 'runc', 'lxc')
AND {under services}
