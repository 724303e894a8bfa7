-- Technique: T1219, T1105
-- Means: a program for remote control or an attacker's agent runs: a remote desktop or management tool, a shared terminal, a command-and-control agent.
-- Look at: who installed it and when (the file's ctime), and its connections.
-- Known: hosts that are managed by such a tool: allow by its path.
({program} IN ('anydesk', 'teamviewer', 'teamviewerd', 'TeamViewer', 'rustdesk', 'meshagent', 'dwagent', 'dwagsvc', 'SRAgent', 'SRServer', 'splashtop-streamer', 'connectwisecontrol', 'ScreenConnect', 'remoting_host', 'tacticalagent', 'ninjarmm-linagent', 'AteraAgent', 'nomachine', 'nxserver.bin', 'x11vnc', 'tmate', 'sshx', 'ttyd', 'gotty', 'gs-netcat', 'upterm', 'teleconsole', 'sliver-client', 'merlinAgent', 'poseidon', 'pupy', 'cobaltstrike', 'villain')
  OR ({program} IN {shells_and_interpreters} AND (cmdline GLOB '*gsocket.io/y*' OR cmdline GLOB '*get.tmate*' OR cmdline GLOB '*sshx.io/get*')))
