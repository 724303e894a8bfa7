-- Technique: T1195.002
-- Means: curl, wget, nc, ssh or a similar tool runs under a package manager: a maintainer script or an npm, pip or gem hook downloads or sends data.
-- Look at: the package of the script (the parent shell and its cwd), and its version.
-- Known: packages that download parts during installation.
{program} IN {network_tools}
AND {under package_managers}
