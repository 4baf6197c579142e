/**
 * The keeper process: owns one ZooKeeper handle and nothing else. It is the only file that imports `zookeeper`, because
 * that client closes and reuses descriptors behind libuv's back and may block or abort the process it lives in.
 *
 * It never forks and opens no socket nor pipe of its own. The IPC channel is the only tie to the supervisor: when it
 * closes without a goodbye, or the supervisor does not run in time, the keeper executes the will, and ends.
 */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import {
  type Answer,
  type Command,
  type ConnectCommand,
  type Operation,
  type Report,
  type Stat,
  WILL_ALONE,
  type ZNodeEvent,
} from './protocol.ts';
import { AUTHENTICATION_WANTED } from './result-codes.ts';
import type { Will } from './will.ts';
import { Executor } from './executor.ts';

interface NativeStat extends Omit<Stat, 'ctime' | 'mtime'> {
  readonly ctime: Date;
  readonly mtime: Date;
}

/**
 * The callback forms of the binding's own object: the package's wrapper formats every argument for a log before each
 * call. Each returns < 0 when the client did not take the request.
 */
interface NativeClient {
  emit(event: string, client: unknown, value: unknown): void;
  init(options: Record<string, unknown>): unknown;
  close(): void;
  readonly state: number;
  readonly timeout: number;
  readonly client_id: string;
  readonly client_password: string;
  a_create(path: string, data: Buffer, flags: number, done: (rc: number, error: string, path: string) => void): number;
  a_get(
    path: string,
    watch: boolean,
    done: (rc: number, error: string, stat: NativeStat | null, data: Buffer | null) => void,
  ): number;
  a_get_children(
    path: string,
    watch: boolean,
    done: (rc: number, error: string, children: string[] | null) => void,
  ): number;
  a_exists(path: string, watch: boolean, done: (rc: number, error: string, stat: NativeStat | null) => void): number;
  a_set(
    path: string,
    data: Buffer,
    version: number,
    done: (rc: number, error: string, stat: NativeStat | null) => void,
  ): number;
  a_delete_(path: string, version: number, done: (rc: number, error: string) => void): number;
  a_sync(path: string, done: (rc: number, error: string, path: string) => void): number;
}

/** A service manager signals whole groups: the keeper outlives them all until the channel closes. */
const IGNORED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const;

let client: NativeClient | undefined;
let outbox: Report[] = [];
/**
 * The version of each znode after the last write under a version that was acknowledged here: the will may be a moment
 * older.
 */
const written = new Map<string, number>();

/**
 * Reports are collected and leave in one message, outside of the C client's callbacks: those run inside its code,
 * which is not to be re-entered.
 */
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

type ClientClass = new () => { readonly native: NativeClient };

/** Resolved from this very file, whichever module format it was built into. */
function load(): ClientClass {
  return createRequire(process.argv[1] as string)('zookeeper') as ClientClass;
}

/** Without a client, nobody asks for a connection. */
function connectWith(Client: ClientClass | undefined, command: ConnectCommand): void {
  if (Client === undefined) abandon('crash', 'this keeper has no ZooKeeper client');
  else connect(command, new Client().native);
}

function connect(command: ConnectCommand, native: NativeClient): void {
  native.emit = (event, _client, value) => onClientEvent(native, event, value, command.credentials !== undefined);
  client = native;
  report({ kind: 'connecting' });
  native.init({
    connect: command.address,
    timeout: command.timeout,
    debug_level: command.debug ? 3 : 0,
    host_order_deterministic: true,
    // The binding declares the session expired after this many partial reads in a row, 10 by default.
    response_counter_limit: 2147483647,
    ...(command.credentials && { client_id: command.credentials.id, client_password: command.credentials.password }),
  });
  watchHandshake(native);
}

/**
 * NOTCONNECTED_STATE_DEF before a first connection that could not even be begun, 0 after one that failed;
 * ZOO_CONNECTED_STATE.
 */
const NOT_CONNECTED: readonly number[] = [999, 0];
const CONNECTED = 3;
const HANDSHAKE_LOOK_MS = 20;

/**
 * A handshake that fails raises no event: the client would try again by itself, much later. Only its state shows it.
 */
function watchHandshake(native: NativeClient): void {
  const look = setInterval(() => {
    const { state } = native;
    if (client !== native || state === CONNECTED) return clearInterval(look);
    if (!NOT_CONNECTED.includes(state)) return;
    clearInterval(look);
    report({ kind: 'disconnected' });
  }, HANDSHAKE_LOOK_MS);
}

function onClientEvent(native: NativeClient, event: string, value: unknown, takenOver: boolean): void {
  switch (event) {
    case 'connect':
      setImmediate(() => onConnected(native, takenOver));
      break;
    case 'connecting':
      report({ kind: 'disconnected' });
      break;
    case 'close':
      client = undefined;
      report(value === 0 ? { kind: 'closed' } : { kind: 'ended', code: Number(value) });
      break;
    case 'created':
    case 'changed':
    case 'deleted':
    case 'child':
      report({ kind: 'event', event: event satisfies ZNodeEvent, path: String(value) });
  }
}

/**
 * A granted session is not yet contact: a server that wants clients to authenticate cuts it at the first request. So
 * one request has to be answered first.
 */
function onConnected(native: NativeClient, takenOver: boolean): void {
  if (client !== native) return;
  setInterval(() => lookAround(native), native.timeout / 2);
  report({ kind: 'granted' });
  // A new handle does not know what the old one has seen. Requests after a sync see at least that, so the session never
  // sees an older state.
  if (takenOver) native.a_sync('/', () => undefined);
  native.a_exists('/', false, (rc) => onFirstAnswer(native, rc));
}

/**
 * Twice a session timeout. A client that was cut while it was busy, and cannot connect again at once, may say nothing
 * of it.
 */
function lookAround(native: NativeClient): void {
  executor.checkSupervisor();
  if (client === native && native.state !== CONNECTED) report({ kind: 'disconnected' });
}

/**
 * ZCONNECTIONLOSS, ZOPERATIONTIMEOUT, ZINVALIDSTATE, ZSESSIONEXPIRED, ZCLOSING: no answer. An event, or the
 * supervisor's deadline, says what follows.
 */
const UNANSWERED: readonly number[] = [-4, -7, -9, -112, -116];

function onFirstAnswer(native: NativeClient, rc: number): void {
  if (client !== native || UNANSWERED.includes(rc)) return;
  if (AUTHENTICATION_WANTED.includes(rc)) return report({ kind: 'ended', code: rc });
  report({
    kind: 'connected',
    grant: { id: native.client_id, password: native.client_password, timeout: native.timeout },
  });
}

function request(id: number, operation: Operation): void {
  // A renewal of a lease that is being given up: its supervisor stood still, and does not know it yet.
  if (operation.op === 'set' && executor.isGivingUp(operation.path))
    return report({ kind: 'answer', id, rc: INVALID_STATE, sent: false });
  const answer = (rc: number, result?: Partial<Answer>): void =>
    report({ kind: 'answer', id, rc, sent: true, ...(rc === 0 ? result : undefined) });
  const rc = client === undefined ? INVALID_STATE : submit(client, operation, answer);
  if (rc < 0) report({ kind: 'answer', id, rc, sent: false });
}

/** ZINVALIDSTATE: no handle, or one that is closed. */
const INVALID_STATE = -9;

function submit(
  native: NativeClient,
  operation: Operation,
  answer: (rc: number, result?: Partial<Answer>) => void,
): number {
  const { path } = operation;
  switch (operation.op) {
    case 'create':
      return native.a_create(path, Buffer.from(operation.data, 'latin1'), operation.flags, (rc, _, created) =>
        answer(rc, { path: created }),
      );
    case 'get':
      return native.a_get(path, operation.watch, (rc, _, stat, data) =>
        answer(rc, { ...statOf(stat), data: data?.toString('latin1') ?? '' }),
      );
    case 'children':
      return native.a_get_children(path, operation.watch, (rc, _, children) =>
        answer(rc, { children: children ?? [] }),
      );
    case 'exists':
      return native.a_exists(path, false, (rc, _, stat) => answer(rc, statOf(stat)));
    case 'set':
      return native.a_set(path, Buffer.from(operation.data, 'latin1'), operation.version, (rc, _, stat) => {
        if (rc === 0 && stat !== null && operation.version >= 0) written.set(path, stat.version);
        answer(rc, statOf(stat));
      });
    case 'delete':
      return native.a_delete_(path, operation.version, (rc) => answer(rc));
  }
}

function statOf(stat: NativeStat | null): { stat?: Stat } {
  if (stat === null) return {};
  const { czxid, mzxid, ctime, mtime, version, ephemeralOwner, dataLength, numChildren } = stat;
  return {
    stat: {
      czxid,
      mzxid,
      ctime: ctime.getTime(),
      mtime: mtime.getTime(),
      version,
      ephemeralOwner,
      dataLength,
      numChildren,
    },
  };
}

/**
 * The goodbye: ends the session, says so, exits. Blocks for up to 4.5 s when the server is silent; the supervisor does
 * not wait that long.
 */
function close(): void {
  client?.close();
  client = undefined;
  flush(() => process.exit(0));
}

// Silence alone would look like a keeper that hangs, which is killed.
const executor = new Executor({
  begin: sayGoodbye,
  beginOne: (election) => report({ kind: 'executesOne', election }),
  doneOne: (election) => report({ kind: 'executed', election }),
  release,
  end,
  endWithoutSession: () => process.exit(0),
});

/**
 * Tells a supervisor that is awake, or wakes up, that the will is executed. A keeper that dies only closes the channel.
 */
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
  const native = client;
  if (lease === undefined) return undefined;
  if (native?.state !== CONNECTED) return 'left';
  const version = Math.max(written.get(lease.path) ?? 0, lease.version);
  return new Promise((resolve) => {
    setTimeout(() => resolve('left'), RELEASE_WITHIN_MS);
    const answered = (code: number): void => resolve(code === 0 ? 'released' : 'left');
    const rc = native.a_set(lease.path, Buffer.alloc(0), version, (code) => setImmediate(answered, code));
    if (rc < 0) resolve('left');
    if (alone && proposal !== undefined) native.a_delete_(proposal, -1, () => undefined);
  });
}

function end(): void {
  if (client?.state === CONNECTED) client.close();
  process.exit(0);
}

function main(): void {
  // As in the supervisor: what a handover needs stays compiled.
  setFlagsFromString('--no-flush-bytecode');
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => undefined);
  process.on('uncaughtException', (error) => abandon('crash', error.stack ?? String(error)));
  process.on('disconnect', () => void executor.execute('gone'));

  let Client: ClientClass | undefined;
  try {
    if (process.argv[2] === WILL_ALONE) executor.accept(JSON.parse(process.argv[3] ?? '') as Will);
    else Client = load();
  } catch (error) {
    return abandon('module', error instanceof Error ? error.message : String(error));
  }
  const obey = (command: Command): void => {
    if (executor.executing) return;
    if (command.kind === 'will') executor.accept(command.will);
    else if (command.kind === 'revoke') executor.revoke(command.election);
    else if (command.kind === 'handOver') void executor.handOver();
    else if (command.kind === 'ping') report({ kind: 'alive' });
    else if (command.kind === 'connect') connectWith(Client, command);
    else if (command.kind === 'request') request(command.id, command.request);
    else close();
  };
  process.on('message', (batch: readonly Command[]) => {
    executor.hear();
    for (const command of batch) obey(command);
  });
}

main();
