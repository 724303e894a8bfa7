-- Technique: T1496
-- Means: the command line of a cryptocurrency miner: address of a pool, its protocol or typical options. The ancestors show the entry point.
-- Look at: the ancestor above the shells; cron and systemd units for persistence.
-- Known: none seen.
(cmdline GLOB '*stratum+*://*' OR cmdline GLOB '*stratum2+*://*' OR cmdline GLOB '* --donate-level*' OR cmdline GLOB '* --coin[= ]*' OR cmdline GLOB '*cryptonight*' OR cmdline GLOB '* --algo*rx/*'
  OR {program} IN ('xmrig', 'xmr-stak', 'minerd', 'cpuminer', 'ethminer', 't-rex', 'lolMiner', 'nbminer', 'kdevtmpfsi', 'kinsing')
  OR (cmdline GLOB '* -o *:[0-9]*' AND cmdline GLOB '* -u *' AND cmdline GLOB '* -p *' AND {in temporary place}))
