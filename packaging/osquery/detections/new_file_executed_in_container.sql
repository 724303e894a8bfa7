-- Technique: T1105, T1204
-- Means: a file is executed that came into its container, or was changed there, after the container's first process began. Files of an image are older.
-- Look at: the file; who wrote it (ctime is the time); the container's earlier executions.
-- Known: containers that build, update or unpack themselves at their start. Rows without ctime (the file was gone) are no rows here.
entry_type = 'container'
AND ctime > CAST(strftime('%s', entry_leader->>'start') AS INTEGER) + 1
