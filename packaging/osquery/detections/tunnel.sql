-- Technique: T1572, T1090
-- Means: a session, a server or cron starts a tunnel or relay (chisel, frpc, ngrok, a listening socat or ncat, proxychains, ssh -R or -D). Tunnels with their own unit are excluded.
-- Look at: the far end in cmdline; entry_source_ip.
-- Known: administrators with their own tunnels; containers whose purpose is a tunnel.
({program} IN ('chisel', 'frpc', 'frps', 'ngrok', 'gost', 'proxychains', 'iodine', 'ptunnel', 'revsocks', 'ligolo-agent', 'dnscat', 'bore', 'plink')
  OR ({program} = 'socat' AND (cmdline LIKE '%tcp%-listen:%' OR cmdline LIKE '%socks%:%'))
  OR ({program} IN ('ncat', 'nc.traditional', 'nc.openbsd', 'nc') AND cmdline GLOB '* -[a-z]*l*' AND cmdline GLOB '* -[ec] *')
  OR ({program} = 'ssh' AND (cmdline GLOB '* -[a-zA-Z]*R *:*' OR cmdline GLOB '* -R *:*' OR cmdline GLOB '* -D *')))
AND {in session or service}
