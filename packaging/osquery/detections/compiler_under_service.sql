-- Technique: T1027.004
-- Means: a compiler or linker runs under a web or database server: an exploit may be built on the host.
-- Look at: the source code in cwd, and later executions from that directory.
-- Known: PostgreSQL's just-in-time compiler starts no program; build servers do.
({program} IN ('gcc', 'g++', 'cc', 'c++', 'clang', 'tcc', 'ld', 'as', 'rustc', 'go', 'nasm') OR {program} GLOB '*-linux-gnu*-gcc' OR {program} GLOB '*-linux-gnu*-g++')
AND {under services}
