-- Technique: T1140
-- Means: base64, xxd or openssl decodes text in a container, from a terminal or under a server or an application there.
-- Look at: the decoded text, and the next executions of the same parent.
-- Known: start scripts that decode a certificate run before the application, so they are not here.
entry_type = 'container'
AND (({program} = 'base' AND (cmdline GLOB '*base64 -[dD]*' OR cmdline GLOB '*base64 --d*' OR cmdline GLOB '*base32 -d*')) OR ({program} = 'xxd' AND cmdline GLOB '* -r*') OR ({program} = 'openssl' AND cmdline GLOB '* -d*'))
AND {by hand in container}
