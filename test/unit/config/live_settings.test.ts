import { expect, test } from 'vitest';
import type { ConfigFile } from '../../../src/config/config_file.ts';
import { FORGIVEN_AFTER_MS, LiveSettings } from '../../../src/config/live_settings.ts';
import { REDACT_ALL } from '../../../src/process/redact.ts';

/** `file.content` is what the JSON file holds now. */
function live(content: unknown = undefined) {
  const file: { -readonly [Name in keyof ConfigFile]: ConfigFile[Name] } = { content };
  const settings = new LiveSettings({ commandLine: new Map(), environment: {}, readFile: () => ({ ...file }) });
  return { file, settings };
}
const option = (value: string) => new Map([['custom_process_ancestry_cache_size', value]]);

test('a new value from osquery is in force, and is logged once as a change', () => {
  const { settings } = live();
  const news = { osqueryOptions: option('6000') };
  expect(settings.update(news)).toEqual({ changed: ['process_ancestry_cache_size'], refused: [] });
  expect(settings.values.process_ancestry_cache_size).toBe(6000);
  expect(settings.update(news).changed).toEqual([]);
});

test('a bad value leaves the running one as it is, and is logged once although it is read often', () => {
  const { settings } = live();
  settings.update({ osqueryOptions: option('6000') });
  const bad = { osqueryOptions: option('many') };
  const { changed, refused } = settings.update(bad);
  expect(changed).toEqual([]);
  expect(refused).toEqual([expect.stringContaining('many')]);
  expect(settings.update(bad).refused).toEqual([]);
  expect(settings.values.process_ancestry_cache_size).toBe(6000);
});

test('the file is read with every other source, and a broken one keeps its former values', () => {
  const { file, settings } = live({ process_ancestry_cache_size: 6000 });
  expect(settings.values.process_ancestry_cache_size).toBe(6000);
  Object.assign(file, { content: undefined, error: 'the file is broken' });
  expect(settings.update({})).toEqual({ changed: [], refused: ['the file is broken'] });
  expect(settings.values.process_ancestry_cache_size).toBe(6000);
  file.content = { process_ancestry_cache_size: 7000 };
  delete file.error;
  expect(settings.update({}).changed).toEqual(['process_ancestry_cache_size']);
  expect(settings.values.process_ancestry_cache_size).toBe(7000);
});

test('an error that returns after a long time is logged again; one that comes and goes is not', () => {
  let now = 0;
  const settings = new LiveSettings({
    commandLine: new Map(),
    environment: {},
    readFile: () => ({ content: undefined }),
    now: () => now,
  });
  const refusedAfter = (passed: number, value: string) => {
    now += passed;
    return settings.update({ osqueryOptions: option(value) }).refused.length;
  };
  expect(refusedAfter(0, 'many')).toBe(1);
  expect(refusedAfter((FORGIVEN_AFTER_MS * 2) / 3, 'many')).toBe(0);
  expect(refusedAfter(3000, '6000')).toBe(0);
  expect(refusedAfter((FORGIVEN_AFTER_MS * 2) / 3, 'many')).toBe(0);
  expect(refusedAfter(3000, '6000')).toBe(0);
  expect(refusedAfter(FORGIVEN_AFTER_MS, 'many')).toBe(1);
});

test('an error from the start is not logged again', () => {
  const { settings } = live({ process_ancestry_cache_size: 'many' });
  expect(settings.errors).toHaveLength(1);
  expect(settings.update({}).refused).toEqual([]);
});

test('an error of a source is logged once, with the others', () => {
  const { settings } = live();
  expect(settings.update({}, ['the view has two rows']).refused).toEqual(['the view has two rows']);
  expect(settings.update({}, ['the view has two rows']).refused).toEqual([]);
});

test('a refused redaction is a problem until it is changed, and is logged once', () => {
  const { settings } = live();
  const redact = (pattern: string) => ({ osqueryOptions: new Map([['custom_process_ancestry_redact', pattern]]) });
  expect(settings.update(redact('Bearer (.*)'))).toEqual({ changed: ['process_ancestry_redact'], refused: [] });
  expect(settings.problems).toEqual([]);
  const { changed, refused } = settings.update(redact('(?<=Bearer ).*'));
  expect(changed).toEqual(['process_ancestry_redact']);
  expect(settings.values.process_ancestry_redact).toBe(REDACT_ALL);
  expect(settings.problems).toEqual([{ code: 'flag_refused', message: refused[0] }]);
  expect(settings.isUnsafe(refused[0] ?? '')).toBe(true);
  expect(settings.update(redact('(?<=Bearer ).*')).refused).toEqual([]);
  expect(settings.problems).toHaveLength(1);
  settings.update(redact('Bearer (.*)'));
  expect(settings.problems).toEqual([]);
});

test('a file that cannot be read at the start is a problem until it can be', () => {
  let file: ConfigFile = { content: undefined, error: 'EACCES' };
  const settings = new LiveSettings({ commandLine: new Map(), environment: {}, readFile: () => file });
  expect(settings.errors).toEqual(['EACCES', expect.stringContaining('all arguments are redacted')]);
  expect(settings.problems).toHaveLength(1);
  file = { content: {} };
  expect(settings.update({}).changed).toEqual(['process_ancestry_redact']);
  expect(settings.problems).toEqual([]);
});
