/** The examples, as a reader would start them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ballotPath, childrenOf } from '../support/candidate.ts';
import { poll } from '../support/poll.ts';
import { clientVariable } from '../support/sessions.ts';
import { useZooKeeper } from '../support/stage.ts';

const root = join(import.meta.dirname, '../..');
const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
});

/** A program with its output, in a group of its own, as in a terminal of its own. */
class Terminal {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  output = '';

  constructor([file, ...args]: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}) {
    const { PATH, HOME, ZOOKEEPER_HOME, JAVA_HOME } = process.env;
    this.#child = spawn(file, args, {
      cwd: root,
      env: { PATH, HOME, ZOOKEEPER_HOME, JAVA_HOME, ...clientVariable, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    started.push(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (data: string) => (this.output += data));
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async shows(wanted: string | RegExp): Promise<void> {
    const over = this.ended.then((code) => {
      if (!this.#has(wanted))
        throw new Error(`it ended with ${code} instead of showing ${String(wanted)}:\n${this.output}`);
    });
    await Promise.race([over, poll(() => this.#has(wanted), { what: String(wanted) })]).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n${this.output}`, { cause: error });
    });
  }

  #has(wanted: string | RegExp): boolean {
    return typeof wanted === 'string' ? this.output.includes(wanted) : wanted.test(this.output);
  }

  /** What a terminal does on Ctrl-C: SIGINT to all of the group. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }
}

describe('examples/cluster', () => {
  const script = join(root, 'examples/cluster/candidate.sh');

  it('one candidate works; when it ends, the next one does', async () => {
    const address = join(root, 'examples/cluster/.server');
    const server = new Terminal([process.execPath, join(root, 'examples/cluster/zookeeper.mjs')]);
    await server.shows(/ZooKeeper listens on \S+:\d+\./);
    expect(server.output).toContain(readFileSync(address, 'utf8').trim());

    const alice = new Terminal([script, 'alice']);
    await alice.shows(/alice works, fencing token \d+/);
    const bob = new Terminal([script, 'bob']);
    await bob.shows('standing by, next in line leader=alice');
    const nameless = new Terminal([script]);
    await nameless.shows('standing by in the queue before=2');

    alice.interrupt();
    await bob.shows(/bob works, fencing token \d+/);
    await alice.ended;
    // `exec`: what was started is ballot itself, whose keeper does the rest.
    expect(childrenOf(bob.pid)).not.toEqual([]);
    process.kill(bob.pid, 'SIGKILL');
    await nameless.shows(/candidate-\d+ works, fencing token \d+/);

    nameless.interrupt();
    await nameless.ended;
    server.interrupt();
    expect(await server.ended).toBe(130);
    expect(existsSync(address)).toBe(false);
  });

  it('a candidate says what is missing when there is no server', async () => {
    const lonely = new Terminal([script, 'alice']);
    expect(await lonely.ended).toBe(69);
    expect(lonely.output).toContain('npm run example:zookeeper');
  });

  it('is what package.json starts', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    expect(scripts).toMatchObject({
      'example:zookeeper': 'node examples/cluster/zookeeper.mjs',
      'example:candidate': 'examples/cluster/candidate.sh',
      'example:cron-host': 'examples/distributed-cron/host.sh',
    });
  });
});

describe('examples/distributed-cron', () => {
  const zookeeper = useZooKeeper({ observer: false });
  const script = join(root, 'examples/distributed-cron/host.sh');
  const REPORT = /^report of \d\d:\d\d:\d\d by (\w+)$/gm;

  it('one host runs the line of the crontab; when it ends, another one does', async () => {
    const env = { BALLOT_ZOOKEEPER_SERVERS: zookeeper.connectString, EVERY: '1' };
    const hosts = new Map(['alice', 'bob', 'carol'].map((name) => [name, new Terminal([script, name], env)]));
    const reporters = (): string[] =>
      [...hosts].filter(([, { output }]) => output.match(REPORT) !== null).map(([name]) => name);
    await poll(() => reporters().length > 0, { what: 'a report' });
    for (const { output } of hosts.values()) expect(output).not.toContain('ballot:');
    const [first = ''] = reporters();
    // Its own reports, and nobody else's.
    await hosts.get(first)?.shows(new RegExp(`(report of \\S+ by ${first}\\s[^]*){3}`));
    expect(reporters()).toEqual([first]);

    hosts.get(first)?.interrupt();
    await hosts.get(first)?.ended;
    await poll(() => reporters().length > 1, { what: 'a report of another host' });
    for (const [name, { output }] of hosts)
      expect([...output.matchAll(REPORT)].every(([, by]) => by === name)).toBe(true);
  });
});

interface Service {
  readonly image: string;
  readonly hostname?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

describe('config/compose.yaml', () => {
  const zookeeper = useZooKeeper({ observer: false });
  const text = readFileSync(join(root, 'config/compose.yaml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  const candidates = Object.entries(services).filter(([, { image }]) => image === 'ballot');

  it('has a server and six candidates, each with a host name of its own', () => {
    expect(Object.keys(services)).toHaveLength(7);
    expect(services['zookeeper']?.image).toMatch(/^zookeeper:/);
    expect(candidates.map(([name, { hostname }]) => [name, hostname])).toEqual(
      ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'].map((name) => [name, name]),
    );
  });

  it('starts candidates by lines that ballot takes: one works, the next stands by', async () => {
    const start = ([name, { command = [], environment = {} }]: (typeof candidates)[number]): Terminal =>
      new Terminal([process.execPath, ballotPath, ...command.map((word) => word.replaceAll('$$', '$'))], {
        ...environment,
        // What the network and the host name of its container would be.
        BALLOT_ZOOKEEPER_SERVERS: zookeeper.connectString,
        BALLOT_CANDIDATE_ID: name,
      });
    const [alice, bob] = candidates.slice(0, 2).map(start);
    await Promise.race([alice?.shows('fencing token'), bob?.shows('fencing token')]);
    await Promise.race([alice?.shows('standing by'), bob?.shows('standing by')]);
    expect(`${alice?.output}${bob?.output}`).toMatch(/\d\d:\d\d:\d\d (alice|bob) works, fencing token \d+/);
  });
});
