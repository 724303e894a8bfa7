/** One row per rule of the flag process_ancestry_allow: what the detections leave out. */

import type { AllowRule } from '../src/config/allow_rules.ts';
import { bigint, type Column, type TablePlugin, text } from '../src/osquery/index.ts';

interface AllowRow {
  readonly rule: AllowRule;
  /** Its place in the flag, from 1. */
  readonly number: number;
}

const ANY = '; NULL for any';

export const columns: readonly Column<AllowRow>[] = [
  bigint('rule', 'Place of the rule in process_ancestry_allow, from 1', ({ number }) => number),
  text('detection', 'Names of detections, a GLOB', ({ rule }) => rule.detection),
  text(
    'path',
    `Path of the executed file, a GLOB; only a file of root's counts${ANY}`,
    ({ rule }) => rule.path ?? null,
  ),
  text(
    'parent_path',
    `Path of the process that created this one, a GLOB; only a file of root's counts${ANY}`,
    ({ rule }) => rule.parent_path ?? null,
  ),
  text(
    'ancestor_path',
    `Path of an ancestor at any distance, a GLOB; only a file of root's that root executed counts${ANY}`,
    ({ rule }) => rule.ancestor_path ?? null,
  ),
  bigint('uid', `User ID${ANY}`, ({ rule }) => rule.uid ?? null),
  text('entry_type', `How the process tree came into the host, a GLOB${ANY}`, ({ rule }) => rule.entry_type ?? null),
  text('cgroup_path', `Control group, a GLOB${ANY}`, ({ rule }) => rule.cgroup_path ?? null),
  text('cmdline', `Command line, a GLOB${ANY}`, ({ rule }) => rule.cmdline ?? null),
  text('cwd', `Current working directory, a GLOB${ANY}`, ({ rule }) => rule.cwd ?? null),
];

export function processAncestryAllow(rules: () => readonly AllowRule[]): TablePlugin<AllowRow> {
  return {
    name: 'process_ancestry_allow',
    description: 'Rules of the flag process_ancestry_allow: rows that the detections leave out',
    columns,
    rowid: ({ number }) => number,
    generate: () => rules().map((rule, index) => ({ rule, number: index + 1 })),
  };
}
