-- Technique: T1190
-- Means: a Java program that is not a build tool runs a network or discovery tool, directly or by a shell: deserialization, expression or template injection.
-- Look at: the nearest java command line for the server, and its log.
-- Known: servers that run programs to query the system (hostname, df): exclude by the exact cmdline.
({program} IN {network_tools} OR {program} IN ('id', 'whoami', 'uname', 'ifconfig', 'netstat', 'nslookup', 'dig', 'ping', 'cat'))
AND ({creator} = 'java' OR ({creator} IN {shells} AND ancestry->>'$[1].exe_name' = 'java'))
AND interactive = 0
AND EXISTS (SELECT 1 FROM json_each(ancestry) WHERE value->>'exe_name' = 'java' AND NOT (value->>'cmdline' GLOB '*gradle*' OR value->>'cmdline' GLOB '*maven*' OR value->>'cmdline' GLOB '*jenkins*' OR value->>'cmdline' GLOB '*agent.jar*' OR value->>'cmdline' GLOB '*remoting.jar*'))
