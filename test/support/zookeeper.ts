/** Throw-away ZooKeeper servers on free ports of the loopback, data in temporary folders. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from './poll.ts';
import { freePorts } from './ports.ts';
import { serverCommand } from './server-command.ts';

const START_TIMEOUT_MS = 120_000;

export interface ZooKeeperOptions {
  /** Milliseconds; sessions last at least two ticks and at most twenty. */
  readonly tickTime?: number;
  readonly members?: 1 | 3;
  /** More lines for `zoo.cfg`. */
  readonly config?: Readonly<Record<string, string | number>>;
  /** The same, of a server that speaks TLS on one port more. */
  readonly secure?: (port: number) => Readonly<Record<string, string | number>>;
  /** More of the environment of the servers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Java system properties: what `zoo.cfg` cannot say, such as `jute.maxbuffer`. */
  readonly properties?: Readonly<Record<string, string | number>>;
  /** More flags of Java. */
  readonly flags?: readonly string[];
}

export interface RestartOptions {
  /** Start with an empty data folder, as a server does whose disk was replaced. */
  readonly wipe?: boolean;
}

/** Magic number, version and database id. */
const FILE_HEADER_BYTES = 16;

/** Whether each of its threads is stopped: on a busy machine that is some time after the signal. */
function isStopped(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => / T [^)]*$/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
  } catch {
    return false;
  }
}

/** What its process is started with: flags of Java, and more of the environment. */
interface ServerProcess {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly securePort?: number | undefined;
}

/** One server of an ensemble. */
export class Member {
  readonly port: number;
  readonly address: string;
  readonly #securePort: number | undefined;
  readonly #folder: string;
  readonly #myid: number;
  readonly #flags: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  constructor(folder: string, myid: number, port: number, config: string, started: ServerProcess) {
    const { flags, env, securePort } = started;
    this.#securePort = securePort;
    this.#flags = flags;
    this.#env = { ...process.env, ...env };
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.#folder = folder;
    this.#myid = myid;
    this.#prepareData();
    writeFileSync(join(folder, 'zoo.cfg'), config);
  }

  /** Where it speaks TLS. Throws when it does so nowhere. */
  get securePort(): number {
    if (this.#securePort === undefined) throw new Error(`the server on port ${this.port} has no port for TLS`);
    return this.#securePort;
  }

  /** Process id of the server; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** All that the server has written to its log. */
  log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8');
  }

  /** Starts the process; `ready` says when it serves. */
  launch(): void {
    if (this.#process !== undefined) throw new Error(`the ZooKeeper server on port ${this.port} runs already`);
    const log = openSync(join(this.#folder, 'log'), 'a');
    const [file, args] = serverCommand(join(this.#folder, 'zoo.cfg'), this.#flags);
    const child = spawn(file, args, { stdio: ['ignore', log, log], cwd: this.#folder, env: this.#env });
    closeSync(log);
    this.#process = child;
    const forget = (): void => {
      running.delete(child);
      if (this.#process === child) this.#process = undefined;
    };
    this.#asked = 0;
    running.add(child);
    child.once('exit', forget);
    child.once('error', forget);
  }

  /**
   * Resolves when the server answers requests. Throws when it does not in time, or has ended, with the end of its log.
   */
  async ready(): Promise<void> {
    const end = performance.now() + START_TIMEOUT_MS;
    while (!(await this.serves())) {
      if (this.#process === undefined || performance.now() > end) {
        const why = this.#process === undefined ? 'ended' : `does not answer after ${START_TIMEOUT_MS} ms`;
        throw new Error(`the ZooKeeper server on port ${this.port} ${why}; its log ends:\n${this.log().slice(-3_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Whether it answers and belongs to a quorum. */
  async serves(): Promise<boolean> {
    return (await this.mode()) !== undefined;
  }

  async mode(): Promise<'leader' | 'follower' | 'standalone' | undefined> {
    const answer = await this.ask('srvr', 500).catch(() => '');
    return /^Mode: (leader|follower|standalone)$/m.exec(answer)?.[1] as
      | 'leader'
      | 'follower'
      | 'standalone'
      | undefined;
  }

  /** Sends a four-letter word (`srvr`, `mntr`, `wchp`, `cons`, …) and returns the answer. Throws after `timeout` ms. */
  ask(word: string, timeout = 2_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.port, host: '127.0.0.1' });
      let answer = '';
      const deadline = setTimeout(
        () => socket.destroy(new Error(`no answer to ${word} on port ${this.port} after ${timeout} ms`)),
        timeout,
      );
      socket.setEncoding('utf8');
      socket.on('connect', () => socket.end(word));
      socket.on('data', (data: string) => (answer += data));
      socket.on('error', reject);
      socket.on('close', () => {
        clearTimeout(deadline);
        resolve(answer);
      });
    });
  }

  /**
   * Requests received from clients since the start of the server, pings among them. The question itself is taken out of
   * the count: the difference of two calls is what clients have sent between them.
   */
  async received(): Promise<number> {
    const count = /^Received: (\d+)$/m.exec(await this.ask('srvr'))?.[1];
    if (count === undefined)
      throw new Error(`the ZooKeeper server on port ${this.port} does not say how many requests it received`);
    return Number(count) - ++this.#asked;
  }
  #asked = 0;

  /** SIGKILL. Resolves when the process is gone; at once when it is not running. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP: connections stay open and nobody answers. Returns when every thread stands still. */
  pause(): void {
    this.#signal('SIGSTOP');
    const { pid } = this;
    if (pid === undefined) return;
    for (const end = performance.now() + START_TIMEOUT_MS; performance.now() < end;) if (isStopped(pid)) return;
  }

  /** SIGCONT. */
  resume(): void {
    this.#signal('SIGCONT');
  }

  /** Stops it if it runs and starts it on the same port with the same data. Resolves when it serves. */
  async restart({ wipe = false }: RestartOptions = {}): Promise<void> {
    await this.stop();
    if (wipe) this.#prepareData();
    else this.#dropHeadlessLogs();
    this.launch();
    await this.ready();
  }

  /**
   * A server that was killed just after it had begun a transaction log cannot read that file, which holds nothing yet,
   * and would not start (java.io.EOFException in FileHeader).
   */
  #dropHeadlessLogs(): void {
    const folder = join(this.#folder, 'data', 'version-2');
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (name.startsWith('log.') && statSync(path).size < FILE_HEADER_BYTES) rmSync(path);
    }
  }

  #prepareData(): void {
    const data = join(this.#folder, 'data');
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'myid'), `${this.#myid}\n`);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process === undefined)
      throw new Error(`the ZooKeeper server on port ${this.port} does not run: cannot send ${signal}`);
    this.#process.kill(signal);
  }
}

/** Servers that make up one ZooKeeper. */
export class Ensemble implements AsyncDisposable {
  /** `host:port` of every member, separated by commas. */
  readonly connectString: string;
  readonly members: readonly Member[];
  readonly #folder: string;

  constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder;
    this.members = members;
    this.connectString = members.map((member) => member.address).join(',');
  }

  /** The first member; the only one of a single server. */
  get server(): Member {
    return this.member(0);
  }

  member(index: number): Member {
    const member = this.members[index];
    if (member === undefined)
      throw new Error(`the ensemble has ${this.members.length} members, none with index ${index}`);
    return member;
  }

  /**
   * The member that leads the ensemble at present (a single server leads itself). Waits until one does.
   */
  leader(): Promise<Member> {
    const find = async (): Promise<Member | undefined> => {
      for (const member of this.members) {
        const mode = await member.mode();
        if (mode === 'leader' || mode === 'standalone') return member;
      }
      return undefined;
    };
    return poll(find, { timeout: START_TIMEOUT_MS, what: 'a leader of the ZooKeeper ensemble' });
  }

  /** What `received` says of all members together. */
  async received(): Promise<number> {
    const counts = await Promise.all(this.members.map((member) => member.received()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Kills every member and removes the data. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
    folders.delete(this.#folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Starts one server, or three that form an ensemble, and resolves when every member serves. The caller closes it;
 * should the calling process end without, the servers end with it.
 */
export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<Ensemble> {
  for (let attempt = 1; ; attempt++) {
    const ensemble = await prepare(options);
    try {
      for (const member of ensemble.members) member.launch();
      await Promise.all(ensemble.members.map((member) => member.ready()));
      return ensemble;
    } catch (error) {
      await ensemble.close();
      // Somebody else may have taken a port between our look and the server's bind.
      if (attempt === 3 || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function prepare({
  tickTime = 500,
  members = 1,
  config = {},
  secure,
  properties = {},
  flags: more = [],
  env = {},
}: ZooKeeperOptions): Promise<Ensemble> {
  const ports = await freePorts(members * 4);
  const portOf = (index: number, use: 0 | 1 | 2 | 3): number => ports[index * 4 + use] as number;
  const numbers = Array.from({ length: members }, (_, index) => index);
  const quorum = numbers.map((index) => [`server.${index + 1}`, `127.0.0.1:${portOf(index, 1)}:${portOf(index, 2)}`]);

  const root = await mkdtemp(join(tmpdir(), 'ballot-zookeeper-'));
  folders.add(root);
  const build = (index: number): Member => {
    const folder = join(root, String(index + 1));
    mkdirSync(folder);
    const settings: Record<string, string | number | boolean> = {
      tickTime,
      dataDir: join(folder, 'data'),
      clientPort: portOf(index, 0),
      clientPortAddress: '127.0.0.1',
      'admin.enableServer': false,
      '4lw.commands.whitelist': '*',
      maxClientCnxns: 0,
      ...(members === 1
        ? {}
        : { initLimit: 20, syncLimit: 10, ...(Object.fromEntries(quorum) as Record<string, string>) }),
      ...config,
      ...secure?.(portOf(index, 3)),
    };
    const securePort = secure && portOf(index, 3);
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    const flags = [...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`), ...more];
    return new Member(folder, index + 1, portOf(index, 0), lines.join(''), { flags, env, securePort });
  };
  return new Ensemble(root, numbers.map(build));
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  // A server that has not died yet may still write.
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 9, retryDelay: 10 });
});
