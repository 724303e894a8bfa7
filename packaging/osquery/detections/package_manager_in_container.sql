-- Technique: T1105, T1072
-- Means: a package manager runs in a container from a terminal, or under a server or an application there. What a container needs is in its image.
-- Look at: the packages in cmdline, and the terminal's other commands.
-- Known: people who try something in a container. Builds of images have no terminal and no server.
entry_type = 'container'
AND {program} IN ('apt', 'apt-get', 'aptitude', 'dpkg', 'rpm', 'dnf', 'microdnf', 'yum', 'zypper', 'apk', 'pacman', 'snap', 'pip', 'npm', 'gem')
AND {creator} NOT IN {package_managers}
AND {by hand in container}
