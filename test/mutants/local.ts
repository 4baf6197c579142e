/** Faults of the coordinator on one host. */
import { contract, integration, unit, type Mutant } from './mutant.ts';

const onHost = (named: string) => integration('local', named);
/** The contract of the port, on one host alone. */
const port = (file: string, named: string) => ({ ...contract(file), named: `one host.*${named}` });

export const localMutants: readonly Mutant[] = [
  {
    what: 'the command does not inherit the lock',
    file: 'command/launch.ts',
    find: "stdio: ['ignore', stdout, stderr, ...more]",
    put: "stdio: ['ignore', stdout, stderr, ...more.slice(1)]",
    noticedBy: onHost('inherits the lock and no other file'),
  },
  {
    what: 'who waited for the lock of a file that was deleted leads',
    file: 'local/election.ts',
    find: 'if (!place.lock.isInPlace()) {',
    put: 'if (place.lock.descriptor < 0) {',
    noticedBy: unit('local/election', 'goes on to the one that is there'),
  },
  {
    what: 'the next leader does not wait for the command of one that has died',
    file: 'local/election.ts',
    find: 'await untilFormerTermIsOver(traces(lease.record.fencingToken), { clock, logger }, signal);',
    put: '',
    noticedBy: onHost('has closed the lock’s descriptor'),
  },
  {
    what: 'a lock that comes after the campaign was called off is kept',
    file: 'local/election.ts',
    find: 'if (this.#term === undefined && isHeld && this.#place !== undefined) this.#drop(this.#place);',
    put: '',
    noticedBy: unit('local/election', 'in the instant in which'),
  },
  {
    what: 'who stands again keeps the place of its former term',
    file: 'local/election.ts',
    find: '    this.#term = undefined;\n    this.#place = undefined;',
    put: '    this.#term = undefined;',
    noticedBy: port('port', 'stands at its end'),
  },
  {
    what: 'a term that was not resigned counts as resigned',
    file: 'local/term.ts',
    find: "this.#resigned = sleepUntil(clock, this.#deadline).then(() => this.#giveUp('expired'));",
    put: "this.#giveUp('resigned');",
    noticedBy: port('port', 'to run out'),
  },
  {
    what: 'a deleted lock is noticed with the next heartbeat alone',
    file: 'local/term.ts',
    find: 'if (name === null || names.includes(name)) this.#look();',
    put: '',
    noticedBy: unit('local/term', 'at once'),
  },
  {
    what: 'a supervisor on one host has no keeper',
    file: 'local/will.ts',
    find: 'if (this.#keeper === undefined && isStarted) this.#fork();',
    put: 'if (this.#keeper === undefined && isStarted && this.#closed) this.#fork();',
    noticedBy: onHost('its keeper stops the command first'),
  },
  {
    what: 'a keeper that was killed is not replaced',
    file: 'local/will.ts',
    find: '        this.#forkLater();',
    put: '',
    noticedBy: onHost('has another keeper soon'),
  },
  {
    what: 'a token does not grow when the clock is set back',
    file: 'local/lease.ts',
    find: 'return Math.max(last + TOKEN_STEP, Math.trunc(wall));',
    put: 'return Math.trunc(wall);',
    noticedBy: unit('local/lease', 'leaves room after the last one'),
  },
  {
    what: 'a write that was overtaken counts',
    file: 'local/register.ts',
    find: '    this.#confirm(folder, version + 1, id);',
    put: '',
    noticedBy: unit('local/register', 'while it was under way'),
  },
  {
    what: 'a file is written in place',
    file: 'local/disk.ts',
    find: 'const name = `${path}.${process.pid}.${unique}.tmp`;',
    put: 'const name = path + unique.slice(99); rmSync(path, { force: true });',
    noticedBy: unit('local/disk', 'whenever its writer is killed'),
  },
  {
    what: 'the process that waits for one that was killed is left behind',
    file: 'local/queue.ts',
    find: "  for (const pid of waitingFor(paths)) send(pid, 'SIGKILL');",
    put: '',
    noticedBy: onHost('leaves nothing of a killed standby'),
  },
  {
    what: 'a folder of another user is trusted',
    file: 'local/folder.ts',
    find: 'if (stats.uid !== own)',
    put: 'if (stats.uid === -1)',
    noticedBy: integration('local-folder', 'of another user'),
  },
  {
    what: 'a folder on a network is trusted',
    file: 'local/folder.ts',
    find: 'if (name === undefined) return;',
    put: 'if (name !== undefined) return;',
    noticedBy: unit('local/folder', 'is refused on'),
  },
  {
    what: 'an option of ZooKeeper beside coordinator local counts',
    file: 'config/coordinators.ts',
    find: '    values.set(field, defaults(field));',
    put: '',
    noticedBy: unit('config/coordinators', 'passes over the variable'),
  },
];
