/** What each row of a detection tells, as SQL over the columns of process_ancestry_events. `ancestors` is nearest first. */
export const ALERT_COLUMNS: Readonly<Record<string, string>> = {
  time: 'time',
  pid: 'pid',
  entity_id: 'entity_id',
  uid: 'uid',
  euid: 'euid',
  auid: 'auid',
  path: 'path',
  cmdline: 'cmdline',
  cwd: 'cwd',
  tty: 'tty',
  entry_type: 'entry_type',
  entry_source_ip: 'entry_source_ip',
  container_id: 'container_id',
  ancestors: `(SELECT group_concat(value->>'exe_name' || ' ' || (value->>'pid'), ' < ') FROM json_each(ancestry))`,
};
