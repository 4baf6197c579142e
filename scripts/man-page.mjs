/**
 * The manual page ballot(1), made of the tables that `--help` is made of: man(7) macros, for groff and mandoc alike.
 */
import './run-ts.mjs';

const { commands } = await import('../src/cli/commands.ts');
const { commonFlags } = await import('../src/cli/flags.ts');
const { fields, keyOf, optionOf, defaultOf } = await import('../src/config/options.ts');

/** @typedef {(typeof commands)[number]} Command */
/** @typedef {Pick<Command['flags'][number], 'name' | 'help' | 'kind' | 'default' | 'alias'>} Flag */

/** When what is written here by hand was last changed: a page has a date, and the same sources make the same page. */
const DATE = '2026-11-26';

const WIDTH = 78;

/** Text for troff: a backslash, a hyphen that is to be copied, and a beginning that would be a request. */
const escaped = (/** @type {string} */ text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('’', "'")
    .replace(/^[.']/gm, '\\&$&');

/** Prose, in lines of a readable length. @param {string} text @returns {string} */
function prose(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map(escaped).join('\n');
}

/** An argument of a macro. @param {string} text */
const argument = (text) => `"${escaped(text).replaceAll('"', '\\(dq')}"`;

/** @param {string} title @param {...string} parts */
const section = (title, ...parts) => [`.SH ${argument(title)}`, ...parts].join('\n');

/** @param {string} term in bold @param {string} text */
const entry = (term, text) => `.TP\n.B ${argument(term)}\n${prose(text)}`;

/** Lines as they are, indented. @param {string[]} lines */
const verbatim = (lines) => ['.RS 4', '.nf', ...lines.map(escaped), '.fi', '.RE'].join('\n');

/** @param {Flag} flag */
function flagEntry({ name, alias, kind, help, default: value }) {
  const spelling = `${alias === undefined ? '' : `-${alias}, `}--${name}`;
  const usual = value === undefined || value === '' ? '' : ` Default: ${value}.`;
  const term = kind.native === 'boolean' && value === undefined ? spelling : `${spelling} ${kind.placeholder}`;
  return entry(term, `${sentence(help)} Allowed: ${kind.allowed}.${usual}`);
}

/** @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** @param {Command} command */
function commandPart({ path, usage, summary, flags, examples }) {
  const own = flags.filter(({ group }) => group === undefined).map(flagEntry);
  const shown = examples.flatMap(([line, what]) => [`.PP\n${prose(sentence(what))}`, verbatim([line])]);
  return [`.SS ${argument(`ballot ${path.join(' ')} ${usage}`)}`, prose(sentence(summary)), ...own, ...shown].join(
    '\n',
  );
}

/** @param {import('../src/config/options.ts').Scope} scope */
const optionsOf = (scope) =>
  fields
    .filter((field) => optionOf(field).scope === scope)
    .map((field) => {
      const { kind, help } = optionOf(field);
      return flagEntry({ name: keyOf(field), kind, help, default: defaultOf(field) });
    });

/** @type {[code: string, when: string][]} */
const EXIT_CODES = [
  ['0', 'a report, a standby that was stopped, or the policy ignore; is-leader: it leads; if-leader: it does not lead'],
  ['1', 'is-leader: it does not lead'],
  ["the command's own, or 128 + n after signal n", 'the policy exit, or a stop by a signal'],
  ['64', 'usage: an unknown flag or command, no command after --'],
  ['69', 'ZooKeeper is not available: on-election-failure is exit, or there was no answer in time'],
  ['70', 'a bug in ballot'],
  ['75', 'not elected within election-timeout'],
  ['77', 'ZooKeeper refused: authentication, or an ACL'],
  ['78', 'configuration'],
  ['124', 'a run ended by run-timeout, under the policy exit'],
  ['126, 127', 'the command is not executable, or not found, under the policy exit'],
];

const DESCRIPTION =
  'ballot runs one command on at most one of several hosts at a time. Every host starts the same line. The hosts hold ' +
  'an election on ZooKeeper. The winner (the leader) runs the command, the others stand by. When the leader stops, ' +
  'crashes, hangs or is cut off, the next in line takes over.';

const SOURCES =
  'Each option is a flag (--kill-after), a key of a configuration file (kill-after) and an environment variable ' +
  '(BALLOT_KILL_AFTER). Later ones win, key by key: defaults, the files in the order given below, the environment, flags.';

/** @param {string} version @returns {string} the page */
export function manPage(version) {
  const parts = [
    String.raw`.\" Made by scripts/generate-docs.mjs from the tables of options and commands: change those.`,
    `.TH BALLOT 1 ${DATE} "ballot ${version}" "User Commands"`,
    section('NAME', escaped('ballot').concat(' \\- ', escaped('runs a command on at most one of several hosts'))),
    section(
      'SYNOPSIS',
      '.nf',
      ...commands.map(({ path, usage }) => escaped(`ballot ${path.join(' ')} ${usage}`)),
      '.fi',
    ),
    section('DESCRIPTION', prose(DESCRIPTION), '.PP', prose(SOURCES)),
    section('COMMANDS', ...commands.map(commandPart)),
    section('OPTIONS', prose('Of every command:'), ...commonFlags.map(flagEntry)),
    section('OPTIONS OF COMMANDS THAT TALK TO ZOOKEEPER', ...optionsOf('global')),
    section('OPTIONS OF BALLOT RUN', ...optionsOf('run')),
    section('OPTIONS OF BALLOT RUN CRON', ...optionsOf('cron')),
    section(
      'ENVIRONMENT',
      entry('BALLOT_*', 'One variable for each option.'),
      entry('NO_COLOR', 'If set, the log has no colours on a terminal either.'),
      entry(
        'NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID',
        'Set by systemd: ballot tells it when it stands, who leads, and that it lives. The command does not get them.',
      ),
    ),
    section(
      'FILES',
      entry('/etc/ballot/ballot.yaml, /etc/ballot/ballot.json', 'The host’s configuration, read first.'),
      entry('~/.config/ballot/ballot.yaml, ballot.json', 'The user’s, read next (XDG_CONFIG_HOME is honoured).'),
      entry('./ballot.yaml, ./ballot.json', 'That of the working directory, read last.'),
    ),
    section('EXIT STATUS', ...EXIT_CODES.map(([code, when]) => entry(code, sentence(when)))),
    section('SEE ALSO', '.BR crontab (5),', '.BR flock (1),', '.BR systemd.service (5)'),
  ];
  return `${parts.join('\n')}\n`;
}
