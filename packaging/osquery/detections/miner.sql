-- Technique: T1496
-- Means: the command line of a miner: a pool's address, its protocol, or the usual switches. The ancestors, however deep, say what let it in.
-- Look at: the ancestor next above the shells; cron and units for how it comes back.
-- Known: none seen.
(cmdline GLOB '*stratum+*://*' OR cmdline GLOB '* --donate-level*' OR cmdline GLOB '* --coin[= ]*' OR cmdline GLOB '*cryptonight*' OR cmdline GLOB '* --algo*rx/*'
  OR {program} IN ('xmrig', 'xmr-stak', 'minerd', 'cpuminer', 'ethminer', 't-rex', 'lolMiner', 'nbminer', 'kdevtmpfsi', 'kinsing')
  OR (cmdline GLOB '* -o *:[0-9]*' AND cmdline GLOB '* -u *' AND cmdline GLOB '* -p *' AND {in temporary place}))
