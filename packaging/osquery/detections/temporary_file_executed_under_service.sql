-- Technique: T1105, T1059
-- Means: a program or script from a directory for uploads, or from one that all users can write (/tmp, /var/tmp, /dev/shm), runs under a server.
-- Look at: the file and its author; the server's log of this time.
-- Known: servers that unpack helpers into /tmp when they start (Java's native libraries are no executions).
({in temporary place} OR {in web root} OR ({program} IN {shells_and_interpreters} AND {script in temporary place}))
AND {under services}
