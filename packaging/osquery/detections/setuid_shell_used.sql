-- Technique: T1548.001
-- Means: a shell or interpreter, or a file outside of the directories for programs, runs with root's rights for a user who is not root: it, or its parent, is setuid.
-- Look at: the owner and mode of the file; who made it (setuid_bit_set).
-- Known: setuid programs that run a shell without becoming root wholly.
euid = 0
AND uid <> 0
AND ({program} IN {shells_and_interpreters} OR NOT (path GLOB '/usr/*' OR path GLOB '/bin/*' OR path GLOB '/sbin/*' OR path GLOB '/lib*/*' OR path GLOB '/opt/*' OR path GLOB '/snap/*' OR path GLOB '/nix/*'))
