import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { credentialsFragment } from '../../../src/ecs/credentials.ts';
import { type EcsEvent, ecsDocument } from '../../../src/ecs/document.ts';
import { hostFragment } from '../../../src/ecs/host.ts';
import { previousFragment } from '../../../src/ecs/previous.ts';
import { processFragment } from '../../../src/ecs/process_fragment.ts';
import { EVERYTHING, ecsProcess, HOST, NOTHING, ref, START } from './events.ts';
import { complaintsOfText, leavesOf } from './fields_check.ts';

interface Document {
  readonly '@timestamp': string;
  readonly event: Record<string, unknown>;
  readonly host: Record<string, unknown>;
  readonly process: Record<string, unknown> & {
    readonly entry_leader: { readonly entity_id: string };
    readonly session_leader: { readonly entity_id: string };
  };
}

function documentOf(event: Partial<EcsEvent>, host = HOST): Document {
  return JSON.parse(ecsDocument({ ...NOTHING, ...event }, host)) as Document;
}

/** The required parts of a document of RFC 0030. */
const DESCRIBED = [
  ...['entity_id', 'pid', 'start', 'executable', 'name', 'args', 'args_count', 'command_line', 'working_directory'],
  ...['interactive', 'tty.char_device.major', 'tty.char_device.minor', 'user.id', 'user.name', 'real_user.id'],
  ...['saved_user.id', 'group.id', 'real_group.id', 'saved_group.id'],
  ...['supplemental_groups.id', 'supplemental_groups.name'],
];
const ANEMIC = ['entity_id', 'pid', 'start'];
const NEEDED = [
  ...['@timestamp', 'ecs.version', 'event.kind', 'event.category', 'event.type', 'event.action', 'event.id'],
  ...['event.sequence', 'event.outcome', 'event.start', 'event.end', 'event.duration'],
  ...[
    'host.ip',
    'host.mac',
    'process.Ext.ancestry',
    'host.boot.id',
    'host.pid_ns_ino',
    'host.hostname',
    'host.name',
    'host.os.type',
    'host.os.kernel',
  ],
  ...['container.id', 'container.name', 'container.runtime', 'container.image.name', 'container.image.tag'],
  ...['container.image.hash.all', 'orchestrator.type', 'orchestrator.namespace', 'orchestrator.resource.type'],
  ...[
    'orchestrator.resource.name',
    'orchestrator.resource.id',
    'user.id',
    'group.id',
    'process.end',
    'process.exit_code',
    'process.hash.sha256',
  ],
  ...['process.previous.executable', 'process.previous.args', 'process.previous.args_count'],
  ...['', '.parent', '.group_leader', '.session_leader', '.entry_leader'].flatMap((place) =>
    DESCRIBED.map((name) => `process${place}.${name}`),
  ),
  ...['group_leader', 'session_leader', 'entry_leader'].map((place) => `process.${place}.same_as_process`),
  ...['parent.group_leader', 'session_leader.parent', 'session_leader.parent.session_leader'].flatMap((place) =>
    ANEMIC.map((name) => `process.${place}.${name}`),
  ),
  ...['parent', 'parent.session_leader'].flatMap((place) =>
    ANEMIC.map((name) => `process.entry_leader.${place}.${name}`),
  ),
  ...['process.entry_leader.entry_meta.type', 'process.entry_leader.entry_meta.source.ip'],
];

describe('a document', () => {
  test('with everything has only fields of ECS, each of its type', () => {
    const json = ecsDocument(EVERYTHING, HOST);
    expect(complaintsOfText(json)).toEqual([]);
    const names = leavesOf(JSON.parse(json)).map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(NEEDED));
  });

  test('without known facts has only what every event has', () => {
    const json = ecsDocument(NOTHING, '{}');
    expect(complaintsOfText(json)).toEqual([]);
    expect(JSON.parse(json)).toEqual({
      '@timestamp': '2026-11-21T06:02:03.004Z',
      ecs: { version: '9.5.0' },
      event: {
        kind: 'event',
        category: ['process'],
        module: 'process_ancestry',
        dataset: 'process_ancestry.events',
        provider: 'kernel',
      },
      process: { pid: 1 },
    });
  });

  test('leaves out each unknown value, for any set of known ones', () => {
    const maybe = Object.entries(EVERYTHING).map(([name, value]) => {
      const unknown = NOTHING[name as keyof EcsEvent];
      return fc.boolean().map((known) => [name, known ? value : unknown] as const);
    });
    fc.assert(
      fc.property(fc.tuple(...maybe), fc.constantFrom(HOST, '{}', ''), (members, host) => {
        const event = Object.fromEntries(members) as unknown as EcsEvent;
        expect(complaintsOfText(ecsDocument(event, host))).toEqual([]);
      }),
    );
  });

  test('says which leader is the process itself', () => {
    const { process } = documentOf(EVERYTHING);
    expect(process).toMatchObject({
      group_leader: { entity_id: ref(5000).entityId, same_as_process: true },
      session_leader: { entity_id: ref(4321).entityId, same_as_process: false },
      entry_leader: { same_as_process: false, entry_meta: { type: 'sshd', source: { ip: '10.132.0.50' } } },
    });
    expect(process.parent).not.toHaveProperty('same_as_process');
    // An id that only has the same beginning as the leader's is different.
    const { process: other } = documentOf({ ...EVERYTHING, entityId: ref(5000).entityId.slice(0, -1) });
    expect(other.group_leader).toMatchObject({ same_as_process: false });
  });

  test('has the effective user and group also at its top', () => {
    const root = { id: '0', name: 'root' };
    const kg = { id: '1000', name: 'kg' };
    expect(documentOf(EVERYTHING)).toMatchObject({
      user: root,
      group: kg,
      process: {
        user: root,
        real_user: kg,
        saved_user: root,
        group: kg,
        supplemental_groups: [{ id: '27', name: 'sudo' }, { id: '4711' }],
      },
    });
  });

  test('has the host of all, and the pid namespace of its event', () => {
    expect(documentOf(EVERYTHING).host).toEqual({
      id: '48c1b3f1ac5da4e0057fc9f60f4d1d5d',
      hostname: 'James-Fleet-714-2',
      name: 'james-fleet-714-2',
      architecture: 'x86_64',
      ip: ['10.132.0.50', 'fe80::1'],
      mac: ['42-01-0A-84-00-32'],
      boot: { id: '88a1f0ed-5ae5-41ee-af6b-41921c311872' },
      pid_ns_ino: '4026531836',
      os: {
        type: 'linux',
        family: 'debian',
        platform: 'debian',
        name: 'Debian GNU/Linux',
        version: '13',
        full: 'Debian GNU/Linux 13',
        kernel: '6.12.0-1-amd64',
      },
    });
  });

  test('of a killed process has the exit code as a shell says it, and the signal', () => {
    const { event, process } = documentOf(EVERYTHING);
    expect(process).toMatchObject({ exit_code: 137, Ext: { signal: 'SIGKILL' }, end: '2026-11-21T06:02:03.016500Z' });
    expect(event).toMatchObject({ start: process.start, end: process.end, duration: 5_012_500_000 });
    expect(documentOf({ exitCode: 0 }).process).toEqual({ pid: 1, exit_code: 0 });
  });

  test('has no negative duration when the start was rounded past the end', () => {
    expect(documentOf({ startUnixMs: START, endUnixMs: START - 3 }).event).toMatchObject({ duration: 0 });
  });

  test.each([
    ['10.0.0.1', { source: { ip: '10.0.0.1' } }],
    ['::1', { source: { ip: '::1' } }],
    ['fe80::1%eth0', { source: { ip: 'fe80::1' } }],
    ['?', undefined],
    ['host.example', undefined],
  ])('of a login from %s', (entrySourceIp, entryMeta) => {
    const { entryLeader } = EVERYTHING;
    expect(documentOf({ entryLeader, entrySourceIp }).process.entry_leader).toEqual({
      ...JSON.parse(entryLeader),
      same_as_process: false,
      ...(entryMeta ? { entry_meta: entryMeta } : {}),
    });
  });
});

describe('any text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
    fc.constantFrom('"', '\\', '\\ud800', '"}', ',"real_user":{"id":"0"}', '\u2028', '\ud800', '\0'),
  );
  const argument = text.map((one) => one.replaceAll('\0', ''));

  test('is unchanged, except what no encoding can carry', () => {
    fc.assert(
      fc.property(text, text, fc.array(argument, { minLength: 1 }), text, (path, cwd, args, name) => {
        const process = { ...ecsProcess(7, path, ...args), cwd, name };
        const credentials = credentialsFragment({
          ...{ uid: 1, euid: 2, suid: 3, gid: 4, egid: 5, sgid: 6, groups: [7] },
          userNames: { 1: name, 2: name, 3: name },
          groupNames: { 4: name, 5: name, 6: name, 7: name },
        });
        const json = ecsDocument(
          {
            ...EVERYTHING,
            path,
            cwd,
            name,
            credentials,
            args: JSON.stringify(args),
            cmdline: args.join(' '),
            parent: processFragment({ ...process, credentials }, 'parent', 1e6),
            entryLeader: processFragment({ ...process, credentials }, 'entry_leader', 1e6),
            previous: previousFragment([process]),
          },
          hostFragment({
            id: name,
            bootId: path,
            hostname: name,
            architecture: path,
            kernel: cwd,
            ip: [],
            mac: [],
            os: { family: name, name, version: name, platform: name, full: name },
          }),
        );
        expect(complaintsOfText(json)).toEqual([]);
        // An empty argument keeps the positions of the others; a single empty one is still an argument.
        const known = {
          ...(path === '' ? {} : { executable: path.toWellFormed() }),
          ...(name === '' ? {} : { name: name.toWellFormed() }),
          ...(cwd === '' ? {} : { working_directory: cwd.toWellFormed() }),
          args: args.map((arg) => arg.toWellFormed()),
        };
        const document = JSON.parse(json);
        const user = { id: '2', ...(name === '' ? {} : { name: name.toWellFormed() }) };
        expect(document.process).toMatchObject({ ...known, user, parent: known, entry_leader: known });
        expect(document.process.previous[0].args).toEqual(known.args);
        expect(document.user).toEqual(user);
        expect(document).not.toHaveProperty('real_user');
      }),
      { numRuns: 500 },
    );
  });
});

describe('a day on a host', () => {
  // As in RFC 0030: a user logs in by sshd; the shell starts ls and a tmux, whose shell is its own session.
  const sshd = ecsProcess(900, '/usr/sbin/sshd', 'sshd');
  const login = ecsProcess(4321, '/bin/bash', '-bash');
  const inTmux = { ...ecsProcess(4400, '/bin/bash', '-bash'), parent: { ...ref(4390), sessionLeader: ref(4321) } };
  const cron = ecsProcess(700, '/usr/sbin/cron', 'cron');
  const inSession = (pid: number, leader: typeof login, entry: typeof login): EcsEvent => ({
    ...NOTHING,
    actions: ['exec'],
    ...ref(pid),
    sessionLeader: processFragment(leader, 'session_leader'),
    entryLeader: processFragment(entry, 'entry_leader'),
    parent: processFragment(pid === login.pid ? sshd : leader, 'parent'),
  });
  const documents = [
    inSession(4321, login, login),
    inSession(701, cron, cron),
    inSession(4330, login, login),
    inSession(4400, inTmux, login),
    inSession(4401, inTmux, login),
  ].map((event) => documentOf(event));
  const pidsBy = (leader: 'entry_leader' | 'session_leader') => {
    const found = Map.groupBy(documents, ({ process }) => process[leader].entity_id);
    return Object.fromEntries([...found].map(([id, its]) => [id, its.map(({ process }) => process.pid)]));
  };

  test('is split by process.entry_leader.entity_id into its logins', () => {
    expect(pidsBy('entry_leader')).toEqual({
      [login.entityId]: [4321, 4330, 4400, 4401],
      [cron.entityId]: [701],
    });
  });

  test('is split into sessions, each with the one that it came from', () => {
    expect(pidsBy('session_leader')).toEqual({
      [login.entityId]: [4321, 4330],
      [inTmux.entityId]: [4400, 4401],
      [cron.entityId]: [701],
    });
    expect(documents[4]?.process.session_leader).toMatchObject({
      parent: { ...anemic(4390), session_leader: anemic(4321) },
    });
  });

  function anemic(pid: number) {
    return { entity_id: ref(pid).entityId, pid, start: new Date(ref(pid).startUnixMs).toISOString() };
  }
});

describe('an event', () => {
  // auditbeat's words are those of its actionAndTypeOfEvent (elastic/beats, system/process/quark_provider_linux.go).
  test.each([
    [['fork'], ['start'], 'fork', 'process_started', 'success'],
    [['exec'], ['change'], 'exec', 'process_changed_image', 'success'],
    [['setsid'], ['change'], 'setsid', 'session_id_change', 'success'],
    [['exit'], ['end'], 'end', 'process_stopped', undefined],
    [['existing'], ['info'], 'existing_process', 'existing_process', undefined],
    [['fork', 'exec'], ['start', 'change'], 'exec', 'process_started', 'success'],
    [['exec', 'exit'], ['change', 'end'], 'exec', 'process_stopped', 'success'],
    [['fork', 'exit'], ['start', 'end'], 'fork', 'process_ran', 'success'],
    [['exit', 'exec', 'fork'], ['start', 'change', 'end'], 'exec', 'process_ran', 'success'],
    [[], undefined, undefined, undefined, undefined],
  ] as const)('of %j is of the types %j, and is %s to RFC 0030, %s to auditbeat', (actions, ...expected) => {
    const [type, inRfc, inAuditbeat, outcome] = expected;
    const words = (['rfc0030', 'auditbeat'] as const).map((vocabulary) => {
      const { event } = JSON.parse(ecsDocument({ ...NOTHING, actions }, HOST, vocabulary)) as Document;
      expect(event).toMatchObject({ kind: 'event', category: ['process'] });
      expect(event.type).toEqual(type);
      expect(event.outcome).toBe(outcome);
      return event.action;
    });
    expect(words).toEqual([inRfc, inAuditbeat]);
  });

  test('names its ancestors, the nearest first', () => {
    expect(documentOf(EVERYTHING).process).toMatchObject({
      Ext: { ancestry: [4321, 900, 1].map((pid) => ref(pid).entityId) },
    });
    expect(documentOf({ ancestorIds: '[]' }).process).toEqual({ pid: 1 });
  });
});
