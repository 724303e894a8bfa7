-- Technique: T1059, T1021.004
-- Means: a program or script from /tmp, /var/tmp or /dev/shm runs below an ssh login, at any depth, also after the end of the session.
-- Look at: entry_source_ip, the file (it may be gone), other logins from this address.
-- Known: installers that unpack themselves, builds in /tmp by developers.
entry_type = 'sshd'
AND ({in temporary place} OR ({program} IN {shells_and_interpreters} AND {script in temporary place}))
