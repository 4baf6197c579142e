/** Faults of what the command is told, and of the configuration. */
import { unit, type Mutant } from './mutant.ts';

const environment = { file: 'cli/environment.ts', noticedBy: unit('cli/environment') };

export const commandMutants: readonly Mutant[] = [
  {
    what: 'an outer ballot’s BALLOT_TICK reaches the command',
    ...environment,
    find: "'BALLOT_FENCING_TOKEN', 'BALLOT_TICK', 'NOTIFY",
    put: "'BALLOT_FENCING_TOKEN', 'NOTIFY",
  },
  {
    what: 'an outer ballot’s fencing token reaches a command that runs without leadership',
    ...environment,
    find: "['BALLOT_FENCING_TOKEN', 'BALLOT_TICK'",
    put: "['BALLOT_TICK'",
  },
  {
    what: 'the command can speak to the service manager in ballot’s place',
    ...environment,
    find: ", 'NOTIFY_SOCKET'",
    put: '',
  },
  {
    what: 'a name of another candidate’s forges a message to the service manager',
    file: 'service-manager/service-manager.ts',
    find: 'const line = dotted(status);',
    put: 'const line = status;',
    noticedBy: unit('service-manager/service-manager'),
  },
  {
    what: 'a supervisor that does not get on gives signs of life',
    file: 'service-manager/service-manager.ts',
    find: 'if (isAlive) this.#beat(watchdog);',
    put: 'this.#beat(watchdog);',
    noticedBy: unit('service-manager/service-manager'),
  },
  {
    what: 'what did not arrive at the service manager is never told',
    file: 'service-manager/service-manager.ts',
    find: 'if (!this.#pending.has(name)) this.#pending.set(name, value);',
    put: 'if (this.#pending.has(name)) this.#pending.set(name, value);',
    noticedBy: unit('service-manager/service-manager'),
  },
  {
    what: 'completion takes a word after -- for one of ballot’s',
    file: 'cli/completion/shell.ts',
    find: 'elif [[ $word == -- ]]; then',
    put: 'elif [[ $word == --- ]]; then',
    noticedBy: unit('cli/completion'),
  },
  {
    what: 'completion takes the word after a switch for its value',
    file: 'cli/completion/shell.ts',
    find: '[[ $word != true && $word != false ]] && ((i--))',
    put: 'false',
    noticedBy: unit('cli/completion'),
  },
  {
    what: 'localhost and 127.0.0.1 count as two ensembles: a ballot stands in the election that it is the command of',
    ...environment,
    find: ".split(',').map(plainLoopback);",
    put: ".split(',');",
  },
  {
    what: 'a command that a signal has ended counts as one that has ended with 0',
    file: 'command/exit.ts',
    find: 'return number === undefined ? 255 : 128 + number;',
    put: 'return number === undefined ? 255 : 0;',
    noticedBy: unit('command/exit'),
  },
  {
    what: 'a line without an end is held back, however long',
    file: 'command/lines.ts',
    find: 'this.#rest = this.#takePieces(Buffer.concat([this.#rest, chunk]));',
    put: 'this.#rest = Buffer.concat([this.#rest, chunk]);',
    noticedBy: unit('command/lines'),
  },
  {
    what: 'ballot’s own lines are kept without bound while nobody reads the log',
    file: 'log/writer.ts',
    find: 'if (this.#closed || this.#pendingOwn > MAX_OWN_BYTES) return false;',
    put: 'if (this.#closed) return false;',
    noticedBy: unit('log/writer'),
  },
  {
    what: 'the command’s output is taken without bound while nobody reads the log',
    file: 'log/writer.ts',
    find: 'if (this.#pending <= HIGH_BYTES) return undefined;',
    put: 'return undefined;',
    noticedBy: unit('log/writer'),
  },
  {
    what: 'the command’s output moves the cursor of the terminal',
    file: 'visible.ts',
    find: 'if (!CONTROL.test(block)) return block;',
    put: 'if (block.length >= 0) return block;',
    noticedBy: unit('log/format'),
  },
  {
    what: 'a variable that other tools use too wins over ballot’s own',
    file: 'config/layers.ts',
    find: 'if (own) settings.push({ field, text: own, source: `environment ${prefixed}` });',
    put: 'if (own && !shared) settings.push({ field, text: own, source: `environment ${prefixed}` });',
    noticedBy: unit('config/layers'),
  },
  {
    what: 'a lease shorter than its session is taken under `keep`',
    file: 'config/rules.ts',
    find: "config.onLeaseLoss === 'keep'",
    put: "config.onLeaseLoss === 'stop'",
    noticedBy: unit('config/rules'),
  },
  {
    what: 'in a mixed fleet the lease may last longer than the session that Go’s ballot waits for',
    file: 'config/rules.ts',
    find: '...(config.mixedFleet',
    put: '...(!config.mixedFleet',
    noticedBy: unit('config/rules'),
  },
  {
    what: 'a duration without a unit is taken for seconds',
    file: 'duration.ts',
    find: "if (/^[\\d.]+$/.test(text)) throw bad('the unit is missing');",
    put: 'if (/^[\\d.]+$/.test(text)) return Number(text) * 1000;',
    noticedBy: unit('duration'),
  },
];
