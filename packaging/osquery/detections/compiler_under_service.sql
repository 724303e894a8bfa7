-- Technique: T1027.004
-- Means: a compiler or linker under a web or database server: an exploit made on the spot.
-- Look at: the source in cwd, and what was executed from there next.
-- Known: PostgreSQL's just-in-time compiler starts no program; build servers do.
({program} IN ('gcc', 'g++', 'cc', 'c++', 'cc1', 'clang', 'tcc', 'ld', 'as', 'rustc', 'go', 'nasm') OR {program} GLOB '*-linux-gnu*-gcc' OR {program} GLOB '*-linux-gnu*-g++')
AND {under services}
