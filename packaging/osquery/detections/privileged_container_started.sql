-- Technique: T1610, T1611
-- Means: a command line starts a container with the host's rights: privileged, all capabilities, the host's pid namespace, root directory, runtime socket or devices.
-- Look at: who ran it (auid, entry_source_ip), the image, and what runs in the container.
-- Known: node agents and build hosts. A container that an orchestrator starts has no such command line.
{program} IN ('docker', 'podman', 'nerdctl', 'ctr', 'kubectl', 'lxc', 'buildah')
AND (cmdline GLOB '* run *' OR cmdline GLOB '* create *' OR cmdline GLOB '* exec *' OR cmdline GLOB '* debug *' OR cmdline GLOB '* launch *' OR cmdline GLOB '* init *')
AND (cmdline GLOB '* --privileged*' OR cmdline GLOB '* --cap-add[= ]ALL*' OR cmdline GLOB '* --cap-add[= ]all*' OR cmdline GLOB '* --cap-add[= ]*SYS_ADMIN*' OR cmdline GLOB '* --cap-add[= ]*SYS_PTRACE*' OR cmdline GLOB '* --cap-add[= ]*SYS_MODULE*'
  OR cmdline GLOB '* --pid[= ]host*' OR cmdline GLOB '* --userns[= ]host*' OR cmdline GLOB '* -v /:/*' OR cmdline GLOB '* -v=/:/*' OR cmdline GLOB '* --volume[= ]/:/*' OR cmdline GLOB '*src=/,*' OR cmdline GLOB '*source=/,*'
  OR cmdline GLOB '*/docker.sock:*' OR cmdline GLOB '*/containerd.sock:*' OR cmdline GLOB '* --device[= ]/dev/[svnx]*' OR cmdline GLOB '*"hostPID":*true*' OR cmdline GLOB '*"privileged":*true*' OR cmdline GLOB '*security.privileged=true*')
