-- Technique: T1552.005
-- Means: a command asks the cloud's metadata service, which hands out the host's credentials: in a session or container, under a server, or as another user than root.
-- Look at: what was asked for (iam/security-credentials, token); the credentials' use in the cloud's audit log.
-- Known: agents of the cloud that ask by curl and do not run as root.
({program} IN {network_tools} OR {program} IN {shells_and_interpreters})
AND (cmdline GLOB '*169.254.169.254*' OR cmdline GLOB '*169.254.170.2*' OR cmdline GLOB '*fd00:ec2::254*' OR cmdline GLOB '*metadata.google.internal*' OR cmdline GLOB '*//metadata/*' OR cmdline GLOB '*100.100.100.200*' OR cmdline GLOB '*//2852039166*' OR cmdline GLOB '*0xa9fea9fe*')
AND ({in session or service} OR uid <> 0)
