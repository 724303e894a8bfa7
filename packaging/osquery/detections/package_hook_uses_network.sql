-- Technique: T1195.002
-- Means: curl, wget, nc, ssh or the like under a package manager: a maintainer script or an npm, pip or gem hook that loads or sends something by itself.
-- Look at: which package's script it is (the shell next above, its cwd), and its version.
-- Known: packages that load parts from elsewhere when they are installed.
{program} IN {network_tools}
AND {under package_managers}
