/**
 * The keeper process: owns one ZooKeeper client and nothing else. It never forks. The IPC channel is the only tie to
 * the supervisor: when it closes without a goodbye, or the supervisor does not run in time, the keeper executes the
 * will, and ends.
 *
 * Its argument names the client that it is likely to be told to use. With WILL_ALONE it has none, and holds nothing.
 */
import { setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../clock.ts';
import { keepOutOfCores } from '../command/core-dumps.ts';
import { asError, describe } from '../errors.ts';
import { forgetTerminals } from '../terminals.ts';
import type {
  Client,
  ClientAnswer,
  ClientListener,
  ClientRequest,
  ConnectOptions,
  Grant,
} from '../zookeeper/client/client.ts';
import { readTlsFiles } from '../zookeeper/tls/files.ts';
import { loadTls } from '../zookeeper/tls/socket.ts';
import { loadNative, NativeClient, type NativeModule } from '../zookeeper/client/native.ts';
import { WireClient } from '../zookeeper/client/wire/wire-client.ts';
import { type Command, type ConnectCommand, type Operation, type Report, WILL_ALONE } from './protocol.ts';
import { AUTHENTICATION_WANTED } from './result-codes.ts';
import type { Will } from './will.ts';
import { Executor } from './executor.ts';
import { thisHost } from './host.ts';

/** A service manager signals whole groups: the keeper outlives them all until the channel closes. */
const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const;

let client: Client | undefined;
let outbox: Report[] = [];
/** Each znode's version after the last write acknowledged here: the will may be a moment older. */
const written = new Map<string, number>();

/** Reports leave in one message, outside of the client's callbacks: the C client is not to be re-entered. */
function report(next: Report): void {
  if (outbox.length === 0) setImmediate(flush);
  outbox.push(next);
}

function flush(then?: () => void): void {
  const batch = outbox;
  outbox = [];
  if (batch.length === 0 && then === undefined) return;
  process.send?.(batch, undefined, undefined, () => then?.());
}

/** Says why and ends. The session stays for the next keeper. */
function abandon(cause: 'module' | 'crash', message: string): void {
  outbox.push({ kind: 'broken', cause, message });
  flush(() => process.exit(1));
}

/** The native client, or why it cannot be loaded; `undefined` while nobody has wanted it. */
let native: NativeModule | Error | undefined;

/** Tries once. */
function nativeClient(): NativeModule | Error {
  try {
    native ??= loadNative();
  } catch (error) {
    native = asError(error);
  }
  return native;
}

// Its stderr is ballot's, and may be a terminal.
forgetTerminals([1, 2]);

/** This keeper is for its will, and was given the first one with its name. */
const isWillAlone = process.argv[2] === WILL_ALONE;

/** Whoever asks for TLS gets nothing else. Throws when the certificates cannot be used. */
function connectByTls(
  command: ConnectCommand,
  tls: NonNullable<ConnectOptions['tls']>,
  listener: ClientListener,
): void {
  const dial = loadTls().dial(tls.serverName, readTlsFiles(tls));
  const why = command.client === 'auto' ? ', since the native one knows no TLS' : '';
  report({ kind: 'connecting', client: `wire${why}` });
  client = new WireClient(command, listener, systemClock, dial);
}

function connect(command: ConnectCommand): void {
  if (command.authentication !== undefined || command.tls?.key !== undefined) keepOutOfCores();
  if (isWillAlone) return abandon('crash', 'this keeper is for a will alone, and has no ZooKeeper client');
  const wanted = command.client === 'wire' || command.tls ? undefined : nativeClient();
  if (wanted instanceof Error && command.client === 'native') return abandon('module', wanted.message);
  const takenOver = command.credentials !== undefined;
  const listener: ClientListener = {
    granted: (grant) => onGranted(grant, takenOver),
    event: (event, path) => report({ kind: 'event', event, path }),
    ended: report,
  };
  if (command.tls !== undefined)
    try {
      return connectByTls(command, command.tls, listener);
    } catch (error) {
      return abandon('crash', describe(error));
    }
  if (wanted === undefined || wanted instanceof Error) {
    const why = wanted && `, since the native one cannot be loaded: ${wanted.message.split('\n', 1)[0]}`;
    report({ kind: 'connecting', client: `wire${why ?? ''}` });
    client = new WireClient(command, listener, systemClock);
  } else {
    report({ kind: 'connecting', client: 'native' });
    client = new NativeClient(wanted, command, listener, systemClock);
  }
}

/** A granted session is no contact yet: a server that wants authentication cuts it at the first request. */
function onGranted(grant: Grant, takenOver: boolean): void {
  setInterval(() => executor.checkSupervisor(), grant.timeout / 2);
  report({ kind: 'granted' });
  // A new client does not know what the one before has seen. Requests after a sync see at least that, so the session
  // never sees an older state.
  if (takenOver) client?.ask({ op: 'sync', path: '/' }, () => undefined);
  client?.ask({ op: 'exists', path: '/', watch: false }, (answer) => onFirstAnswer(grant, answer));
}

/**
 * ZCONNECTIONLOSS, ZOPERATIONTIMEOUT, ZINVALIDSTATE, ZSESSIONEXPIRED, ZCLOSING: no answer. An event, or the
 * supervisor's deadline, says what follows.
 */
const UNANSWERED: readonly number[] = [-4, -7, -9, -112, -116];

function onFirstAnswer(grant: Grant, { rc }: ClientAnswer): void {
  if (client === undefined || UNANSWERED.includes(rc)) return;
  if (AUTHENTICATION_WANTED.includes(rc)) return report({ kind: 'ended', code: rc });
  report({ kind: 'connected', grant });
}

function request(id: number, operation: Operation): void {
  // A renewal of a lease that is being given up: its supervisor stood still, and does not know it yet.
  if (operation.op === 'set' && executor.isGivingUp(operation.path))
    return report({ kind: 'answer', id, rc: INVALID_STATE, sent: false });
  if (client === undefined) return report({ kind: 'answer', id, rc: INVALID_STATE, sent: false });
  client.ask(requestOf(operation), ({ data, ...answer }) => {
    if (operation.op === 'set' && operation.version >= 0 && answer.stat !== undefined)
      written.set(operation.path, answer.stat.version);
    report({ kind: 'answer', id, ...answer, ...(data && { data: data.toString('latin1') }) });
  });
}

/** ZINVALIDSTATE: no client, or one that is closed. */
const INVALID_STATE = -9;

function requestOf(operation: Operation): ClientRequest {
  switch (operation.op) {
    case 'create':
    case 'set':
      return { ...operation, data: Buffer.from(operation.data, 'latin1') };
    default:
      return operation;
  }
}

/** The goodbye: ends the session, says so, exits. A silent server takes up to 4.5 s: the supervisor does not wait. */
async function close(): Promise<void> {
  const closing = client;
  client = undefined;
  if ((await closing?.close()) === true) outbox.push({ kind: 'closed' });
  flush(() => process.exit(0));
}

// Silence alone would look like a keeper that hangs, which is killed.
const executor = new Executor(
  {
    begin: sayGoodbye,
    beginOne: (election) => report({ kind: 'executesOne', election }),
    doneOne: (election) => report({ kind: 'executed', election }),
    release,
    end: () => void end(),
    endWithoutSession: () => process.exit(0),
  },
  thisHost(),
);

/** Tells a supervisor that is awake, or wakes up, that the will is executed. A dead keeper only closes the channel. */
function sayGoodbye(): void {
  if (!process.connected) return;
  process.send?.([{ kind: 'executes' } satisfies Report], () => undefined);
  process.disconnect();
}

/** How long the ensemble is waited for when a will is executed, ms: the lease runs out by itself. */
const RELEASE_WITHIN_MS = 2_000;

/**
 * The last part of a will: the lease is cleared under its version. The proposal goes with the session, unless other
 * elections need that: then it is deleted, after the lease, so that the next in line finds the lease vacant.
 */
async function release({ lease, proposal }: Will, alone: boolean): Promise<'released' | 'left' | undefined> {
  const holder = client;
  if (lease === undefined) return undefined;
  if (holder?.isConnected !== true) return 'left';
  const { path } = lease;
  const version = Math.max(written.get(path) ?? 0, lease.version);
  return new Promise((resolve) => {
    setTimeout(() => resolve('left'), RELEASE_WITHIN_MS);
    holder.ask({ op: 'set', path, data: Buffer.alloc(0), version }, ({ rc }) =>
      setImmediate(() => resolve(rc === 0 ? 'released' : 'left')),
    );
    if (alone && proposal !== undefined) holder.ask({ op: 'delete', path: proposal, version: -1 }, () => undefined);
  });
}

async function end(): Promise<void> {
  if (client?.isConnected === true) await client.close();
  process.exit(0);
}

/**
 * As nice(2) counts. The margin before the end of a lease is short, and the command may take all processors: the keeper
 * comes before it. It needs next to no processor time, and starts nothing that would inherit this.
 */
const NICE = -10;

/** Root may, and who has CAP_SYS_NICE or a limit for it. */
function comeFirst(): void {
  try {
    setPriority(NICE);
  } catch {
    // It takes its turn like everybody else.
  }
}

function main(): void {
  comeFirst();
  // As in the supervisor: what a handover needs stays compiled.
  setFlagsFromString('--no-flush-bytecode');
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => undefined);
  process.on('uncaughtException', (error) => abandon('crash', error.stack ?? String(error)));
  process.on('disconnect', () => void executor.execute('gone'));

  if (isWillAlone) executor.accept(JSON.parse(process.argv[3] ?? '') as Will);
  else if (process.argv[2] !== 'wire') nativeClient();
  const obey = (command: Command): void => {
    if (executor.executing) return;
    if (command.kind === 'will') executor.accept(command.will);
    else if (command.kind === 'revoke') executor.revoke(command.election);
    else if (command.kind === 'handOver') void executor.handOver();
    else if (command.kind === 'ping') report({ kind: 'alive' });
    else if (command.kind === 'connect') connect(command);
    else if (command.kind === 'request') request(command.id, command.request);
    else void close();
  };
  process.on('message', (batch: readonly Command[]) => {
    executor.hear();
    for (const command of batch) obey(command);
  });
}

main();
