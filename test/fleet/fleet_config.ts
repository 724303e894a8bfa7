/**
 * Reads a fleet from its file in packaging/fleet, and refuses what fleetctl or the server would refuse: a key that Fleet
 * does not know (pkg/spec/gitops_validate.go), an option that osquery does not (server/fleet/agent_options.go).
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { asList, asMapping, asText, FleetFiles, FOLDER, type Mapping } from './fleet_files.ts';

export interface Report {
  readonly name: string;
  readonly query: string;
  readonly interval: number;
  readonly platform: string;
  readonly version: string;
  readonly logging: string;
  readonly automations: boolean;
  readonly discardData: boolean;
  readonly observerCanRun: boolean;
  readonly labels: readonly string[] | undefined;
}
export interface NamedQuery {
  readonly name: string;
  readonly query: string;
}
export interface FleetConfig {
  readonly name: string;
  readonly secret: string;
  /** agent_options.config. */
  readonly agentConfig: Mapping;
  readonly reports: readonly Report[];
  readonly policies: readonly NamedQuery[];
  /** Labels that a query decides. */
  readonly dynamicLabels: readonly NamedQuery[];
  readonly manualLabels: readonly string[];
  readonly packages: readonly Mapping[];
}

const KEYS = {
  fleet: ['name', 'settings', 'agent_options', 'controls', 'reports', 'policies', 'software', 'labels'],
  report: [
    ...[
      'name',
      'description',
      'query',
      'interval',
      'platform',
      'min_osquery_version',
      'logging',
      'automations_enabled',
    ],
    ...['observer_can_run', 'discard_data', 'labels_include_any'],
  ],
  policy: [
    'name',
    'description',
    'resolution',
    'query',
    'platform',
    'critical',
    'labels_include_any',
    'install_software',
  ],
  label: ['name', 'description', 'query', 'label_membership_type', 'platform', 'hosts'],
  package: [
    ...['url', 'hash_sha256', 'pre_install_query', 'install_script', 'post_install_script', 'uninstall_script'],
    ...['self_service', 'labels_include_any', 'labels_exclude_any'],
  ],
  agentOptions: ['config', 'overrides', 'command_line_flags', 'extensions', 'update_channels'],
  agentConfig: [
    ...['options', 'schedule', 'packs', 'file_paths', 'file_accesses', 'file_paths_query', 'exclude_paths', 'yara'],
    ...['prometheus_targets', 'views', 'decorators', 'auto_table_construction', 'events'],
  ],
} as const;

function known(kind: keyof typeof KEYS, value: unknown, what: string): Mapping {
  const mapping = asMapping(value, what);
  const strangers = Object.keys(mapping).filter((key) => !(KEYS[kind] as readonly string[]).includes(key));
  if (strangers.length > 0) throw new Error(`${what}: unknown key: ${strangers.join(', ')}`);
  return mapping;
}

/** @param file below packaging/fleet */
export function readFleet(file: string, environment: Readonly<Record<string, string>>): FleetConfig {
  const files = new FleetFiles(environment);
  const fleet = known('fleet', files.read(file), file);
  const settings = asMapping(fleet.settings, `${file}: settings`);
  const [secret] = asList(settings.secrets, `${file}: settings.secrets`);
  const [agentOptions] = files.items([fleet.agent_options], file);
  const labels = files.items(asMapping(files.read('default.yml'), 'default.yml').labels, 'default.yml');
  for (const label of labels) known('label', label, `label ${label.name}`);
  const dynamic = labels.filter(({ label_membership_type: type }) => type === 'dynamic');
  const software = asMapping(fleet.software, `${file}: software`);
  const config: FleetConfig = {
    name: asText(fleet.name, `${file}: name`),
    secret: asText(asMapping(secret, 'secret').secret, 'secret'),
    agentConfig: agentConfigOf(agentOptions, file),
    reports: files.items(fleet.reports, file).map(reportOf),
    policies: files.items(fleet.policies, file).map(policyOf),
    dynamicLabels: dynamic.map(namedQuery),
    manualLabels: labels.filter((label) => !dynamic.includes(label)).map(({ name }) => asText(name, 'label')),
    packages: files.items(software.packages, file).map((one) => packageOf(files, one)),
  };
  for (const { path } of asList(asMapping(fleet.controls, 'controls').scripts, 'scripts') as Mapping[]) there(path);
  const names = new Set(labels.map(({ name }) => name));
  const meant = [...config.reports, ...config.packages].flatMap((one) => [
    ...((one as Report).labels ?? []),
    ...(((one as Mapping).labels_include_any as string[] | undefined) ?? []),
  ]);
  const missing = meant.filter((name) => !names.has(name));
  if (missing.length > 0) throw new Error(`${file}: no such label: ${missing.join(', ')}`);
  return config;
}

function agentConfigOf(agentOptions: unknown, file: string): Mapping {
  const what = `${file}: agent_options`;
  const config = known('agentConfig', known('agentOptions', agentOptions, what).config, `${what}.config`);
  for (const option of Object.keys(asMapping(config.options ?? {}, `${what}.config.options`)))
    if (option.startsWith('custom_')) throw new Error(`${what}.config.options: unknown option: ${option}`);
  for (const [name, sql] of Object.entries(asMapping(config.views ?? {}, 'views'))) asText(sql, `view ${name}`);
  return config;
}

function reportOf(value: Mapping): Report {
  const what = `report ${value.name}`;
  const report = known('report', value, what);
  const logging = asText(report.logging, `${what}: logging`);
  if (!['snapshot', 'differential', 'differential_ignore_removals'].includes(logging))
    throw new Error(`${what}: logging: ${logging}`);
  if (typeof report.interval !== 'number') throw new Error(`${what}: interval`);
  return {
    ...namedQuery(report),
    interval: report.interval,
    platform: asText(report.platform, `${what}: platform`),
    version: String(report.min_osquery_version ?? ''),
    logging,
    automations: report.automations_enabled === true,
    discardData: report.discard_data === true,
    observerCanRun: report.observer_can_run === true,
    labels: report.labels_include_any as string[] | undefined,
  };
}

function policyOf(value: Mapping): NamedQuery {
  const what = `policy ${value.name}`;
  const { install_software: software } = known('policy', value, what);
  if (software !== undefined) there(asMapping(software, `${what}: install_software`).package_path);
  return namedQuery(value);
}

function packageOf(files: FleetFiles, value: Mapping): Mapping {
  const one = known('package', value, `package ${value.url}`);
  if (!/^https:/.test(asText(one.url, 'url'))) throw new Error(`package: ${one.url}`);
  for (const part of ['post_install_script', 'uninstall_script']) there(asMapping(one[part], part).path);
  for (const query of files.items([one.pre_install_query], 'software/any.yml')) namedQuery(query);
  return one;
}

/** All of our files with references are one folder down. */
function there(path: unknown): void {
  const file = resolve(FOLDER, 'any', asText(path, 'path'));
  if (!existsSync(file)) throw new Error(`${path} is not there`);
}

function namedQuery(value: Mapping): NamedQuery {
  return { name: asText(value.name, 'name'), query: asText(value.query, `${value.name}: query`) };
}
