-- Technique: T1611, T1610
-- Means: a process in a container uses a means of escape: nsenter, chroot to the host's root, the runtime's socket, release_agent, core_pattern, block devices.
-- Look at: whether the container is privileged or mounts host paths, and which processes ran on the host at that time.
-- Known: Docker in Docker, node agents and CSI drivers do this by design: exclude them by container or image.
entry_type = 'container'
AND ({program} = 'nsenter' OR ({program} = 'chroot' AND cmdline GLOB '*chroot /host*')
  OR cmdline GLOB '*docker.sock*' OR cmdline GLOB '*containerd.sock*' OR cmdline GLOB '*/release_agent*' OR cmdline GLOB '*/proc/1/root*' OR cmdline GLOB '*/proc/sys/kernel/core_pattern*'
  OR ({program} = 'mount' AND ({disk after ''} OR cmdline GLOB '* -t cgroup *')) OR ({program} = 'unshare' AND cmdline GLOB '*-U*') OR {program} = 'debugfs')
