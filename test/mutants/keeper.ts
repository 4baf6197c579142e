/** Faults of the session, and of the keeper that holds it. */
import { integration, unit, type Mutant } from './mutant.ts';

const executor = (named: string) => integration('will-executor', named);

export const keeperMutants: readonly Mutant[] = [
  {
    what: 'a keeper that was stopped is never found out by a session in which nobody asks for anything',
    file: 'zookeeper/session/session.ts',
    find: 'link.checkKeeper();',
    put: '',
    noticedBy: unit('zookeeper/session/idle-session'),
  },
  {
    what: 'a keeper is given up at the first question that it has not answered yet',
    file: 'zookeeper/session/keeper-connection.ts',
    find: 'if (this.#asked === 2) return',
    put: 'if (this.#asked === 1) return',
    noticedBy: unit('zookeeper/session/idle-session'),
  },
  {
    what: 'a session that was taken over is not synced',
    file: 'keeper/main.ts',
    find: "if (takenOver) native.a_sync('/', () => undefined);",
    put: '',
    noticedBy: integration('session-faults', 'is synced before anything is asked'),
  },
  {
    what: 'the keeper gets ballot’s whole environment',
    file: 'keeper/process.ts',
    find: 'env: minimalEnvironment(),',
    put: 'env: { ...process.env, ...minimalEnvironment() },',
    noticedBy: integration('session-processes', 'nothing of its supervisor’s environment'),
  },
  {
    what: 'the keeper does not look for a command that was just being started',
    file: 'keeper/executor.ts',
    find: 'command.group ?? (await lookForGroup(command.mark))',
    put: 'command.group',
    noticedBy: executor('looks by its mark'),
  },
  {
    what: 'the keeper sends SIGKILL after kill-after, whatever the lease',
    file: 'keeper/executor.ts',
    find: 'Math.min(systemClock.now() + command.killAfter, instants?.killAt ?? Infinity)',
    put: 'systemClock.now() + command.killAfter',
    noticedBy: executor('earlier than kill-after'),
  },
  {
    what: 'the keeper never acts at its own instant',
    file: 'keeper/executor.ts',
    find: "at === undefined ? undefined : systemClock.at(at, () => void this.execute('silent'))",
    put: 'at === undefined ? undefined : () => undefined',
    noticedBy: executor('acts at the instant'),
  },
  {
    what: 'the keeper clears the lease under the will’s version only',
    file: 'keeper/main.ts',
    find: 'Math.max(written.get(lease.path) ?? 0, lease.version)',
    put: 'lease.version',
    noticedBy: integration('session-will', 'clears it all the same'),
  },
  {
    what: 'a stopped command is not continued, so that it does not take its signal',
    file: 'keeper/executor.ts',
    find: "run.signal('SIGCONT');",
    put: '',
    noticedBy: executor('continues a stopped command'),
  },
  {
    what: 'the keeper releases the lease while the command is still being stopped',
    file: 'keeper/executor.ts',
    find: 'const ends = await Promise.all(',
    put: 'const ends: string[] = []; void Promise.all(',
    noticedBy: integration('session-will', 'keeps the session until it has stopped the command'),
  },
  {
    what: 'a write that was sent when contact broke counts as not made',
    file: 'zookeeper/session/requests.ts',
    find: 'if (pending.sent) pending.fail(new OutcomeUnknownError(pending.operation.op, pending.operation.path, why));',
    put: 'if (pending.sent) pending.fail(new NotSentError(pending.operation.op, pending.operation.path, why));',
    noticedBy: unit('zookeeper/session/requests'),
  },
  {
    what: 'watches go on in silence after a break in contact',
    file: 'zookeeper/session/watch-table.ts',
    find: "for (const waiting of all) waiting.forEach((resolve) => resolve('interrupted'));",
    put: '',
    noticedBy: unit('zookeeper/session/watch-table'),
  },
  {
    what: 'a watch of the data does not fire when the znode is deleted',
    file: 'zookeeper/session/watch-table.ts',
    find: "deleted: ['data', 'children'],",
    put: "deleted: ['children'],",
    noticedBy: unit('zookeeper/session/watch-table'),
  },
  {
    what: 'a new keeper does not get the present will',
    file: 'zookeeper/session/keepers.ts',
    find: "keeper.send({ kind: 'will', will: this.#will });",
    put: '',
    noticedBy: unit('zookeeper/session/keepers', 'have the present will first of all'),
  },
  {
    what: 'a session is taken over while its keeper is still stopping the command',
    file: 'zookeeper/session/keepers.ts',
    find: 'for (const keeper of [...this.#living]) if (keeper.executes) await this.#untilGone(keeper, signal);',
    put: 'signal.throwIfAborted();',
    noticedBy: unit('zookeeper/session/keepers', 'while the command lives'),
  },
  {
    what: 'a supervisor that stands still while nothing runs keeps its place in the queue',
    file: 'keeper/executor.ts',
    find: "if (this.#silentChecks > SILENT_CHECKS && this.#will.commands.length === 0) void this.execute('silent');",
    put: '',
    noticedBy: executor('gives the place in the queue up'),
  },
];
