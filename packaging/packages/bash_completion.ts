/** Makes the bash completion of process_ancestry's command line from the texts of --help. */
import { commands, processFlags } from '../../src/config/command_line.ts';
import { type Flag, flagNames, flags } from '../../src/config/flags.ts';

/** Values that are file names. */
const FILE_PLACEHOLDERS = ['PATH', 'FILE'];

/** A script that bash-completion loads by the command's name. */
export function bashCompletion(): string {
  const ofProcess = Object.entries(processFlags);
  const files = ofProcess.filter(([, { value }]) => value !== undefined && FILE_PLACEHOLDERS.includes(value));
  const choicesOf = (value = '') => (value.includes('|') ? value.split('|').join(' ') : undefined);
  const others = ofProcess.filter(
    ([, { value }]) => value !== undefined && !FILE_PLACEHOLDERS.includes(value) && !choicesOf(value),
  );
  const recording = flagNames.map((name): [name: string, flag: Flag] => [name, flags[name]]);
  const ofRecording = recording.flatMap(([name, flag]) => {
    if (flag.type === 'boolean') return [[name, 'true false'] as const];
    return flag.type === 'choice' ? [[name, flag.choices.join(' ')] as const] : [];
  });
  const choices = [
    ...ofProcess.flatMap(([name, { value }]) => (choicesOf(value) ? [[name, choicesOf(value)] as const] : [])),
    ...ofRecording,
  ];
  const texts = recording.filter(([, { type }]) => type === 'text').map(([name]) => name);
  const numbers = recording.filter(([, { type }]) => type === 'integer').map(([name]) => name);
  const all = [...ofProcess.map(([name]) => name), ...flagNames.map(withoutPrefix)].map((name) => `--${name}`);
  return `# bash completion for process_ancestry

_process_ancestry() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  case $before in
${choices.map(([name, words]) => arm([name], `COMPREPLY=($(compgen -W '${words}' -- "$word"))`)).join('\n')}
${arm([...files.map(([name]) => name), ...texts], 'COMPREPLY=($(compgen -f -- "$word"))')}
${arm([...others.map(([name]) => name), ...numbers], ':')}
    *)
      if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W '${all.join(' ')}' -- "$word"))
      elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W '${commands.join(' ')}' -- "$word"))
      elif [[ \${COMP_WORDS[1]} == sigma ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
      fi
      ;;
  esac
}
complete -o filenames -F _process_ancestry process_ancestry
`;
}

function arm(names: readonly string[], action: string): string {
  const spellings = new Set(names.flatMap((name) => [`--${name}`, `--${withoutPrefix(name)}`]));
  return `    ${[...spellings].join(' | ')}) ${action} ;;`;
}

/** The command line accepts both. */
function withoutPrefix(flag: string): string {
  return flag.replace(/^process_ancestry_/, '');
}
