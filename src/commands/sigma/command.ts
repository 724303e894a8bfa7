/** `process_ancestry.ext sigma`: translates Sigma rules, and names those that cannot be expressed. */
import type { SigmaOptions } from '../../config/sigma_options.ts';
import { messageOf } from '../../text/error_message.ts';
import { escapeTerminal } from '../../text/terminal_escape.ts';
import { FAILED } from '../command_status.ts';
import { FORMATS } from './output.ts';
import { compileRule, type Rule } from './rule.ts';
import { type RuleFile, readRuleFiles } from './rule_files.ts';
import { scheduledQueries } from './scheduled_queries.ts';
import { yamlDocuments } from './yaml_documents.ts';

export interface Translation {
  readonly rules: readonly Rule[];
  /** A line for each reason for which a rule cannot be expressed. */
  readonly problems: readonly string[];
  /** Number of rules, or documents, that cannot be expressed. */
  readonly unsupported: number;
}

export interface SigmaCommand extends SigmaOptions {
  readonly output: { write(text: string): void };
  readonly error: { write(text: string): void };
}

/** @returns the exit status: FAILED if a rule cannot be expressed and is not left out, or if there is no rule */
export function sigma({ paths, format, skipUnsupported, rulesPerQuery, output, error }: SigmaCommand): number {
  const say = (text: string) => error.write(`process_ancestry: ${escapeTerminal(text)}\n`);
  let files: RuleFile[];
  try {
    files = readRuleFiles(paths);
  } catch (failure) {
    say(`cannot read the rules: ${messageOf(failure)}`);
    return FAILED;
  }
  const { rules, problems, unsupported } = translate(files);
  for (const problem of problems) say(problem);
  if (rules.length + unsupported === 0) {
    say(`no rule found in ${paths.join(', ')}`);
    return FAILED;
  }
  const [translated, left] = [`${rules.length} rules can be expressed`, `${unsupported} cannot`];
  if (unsupported > 0 && !skipUnsupported) {
    say(`${translated}, ${left}: nothing is written; --skip-unsupported leaves them out`);
    return FAILED;
  }
  say(`${translated}, ${left}`);
  if (rules.length === 0) return FAILED;
  output.write(FORMATS[format](scheduledQueries(rules, rulesPerQuery)));
  return 0;
}

export function translate(files: readonly RuleFile[]): Translation {
  const rules: Rule[] = [];
  const problems: string[] = [];
  let unsupported = 0;
  for (const { path, text } of files) {
    for (const document of yamlDocuments(text)) {
      if (document === null) continue;
      const rule =
        document instanceof Error
          ? { title: '', id: '', reasons: [`not YAML: ${document.message.split('\n')[0]}`] }
          : compileRule(document);
      if ('condition' in rule) {
        rules.push(rule);
        continue;
      }
      unsupported++;
      const name = [
        path,
        ...(rule.title ? [`${JSON.stringify(rule.title)}${rule.id ? ` (${rule.id})` : ''}`] : []),
      ].join(': ');
      problems.push(...rule.reasons.map((reason) => `${name}: ${reason}`));
    }
  }
  return { rules, problems, unsupported };
}
