import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ballotPath, childrenOf, isAlive } from '../support/candidate.ts';
import { pass, poll } from '../support/poll.ts';
import { freePorts } from '../support/ports.ts';
import { Proxy } from '../support/proxy.ts';
import { Stage, abandoned, useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();

/** Does it ten times a second, until it is `done`. */
function repeatedly(what: () => void): { done(): void } {
  const timer = setInterval(what, 100);
  return { done: () => clearInterval(timer) };
}

/** Waits until at least so many milliseconds have passed. */
async function elapsed(ms: number): Promise<{ at: number }> {
  const from = performance.now();
  await poll(() => performance.now() - from > ms, { what: `${ms} ms`, timeout: ms + 10_000 });
  return { at: performance.now() - from };
}

const numbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/** A grandchild in the same process group that writes down the signal it gets. */
const withGrandchild = (signal: string): string =>
  `(trap 'note grandchild-stopped; exit' ${signal.slice(3)}; note grandchild; stay) & stay`;

describe.each(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const)('%s to the leader', (signal) => {
  it('stops the whole process group, then ballot resigns and ends with 128 + n', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ script: withGrandchild(signal) });
    await stage.journal.noted('grandchild');
    const next = await stage.stand();
    leader.signal(signal);
    expect(await leader.end()).toBe(128 + numbers[signal]);
    expect(leader.descendants()).toEqual([]);
    const start = await stage.journal.started(1, { candidate: next.id });
    const events = stage.journal.entries().filter(({ candidate }) => candidate === leader.id);
    expect(events.map(({ event }) => event)).toContain('grandchild-stopped');
    expect(events.at(-1)?.time).toBeLessThan(start.time);
  });

  it('that the command answers with an exit code of its own ends ballot with that', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ traps: `trap 'exit 7' ${signal.slice(3)}` });
    await stage.journal.started();
    leader.signal(signal);
    expect(await leader.end()).toBe(7);
    expect(await stage.election()).toEqual(abandoned);
    expect(leader.said('resigned')).toHaveLength(1);
  });
});

describe('a stop', () => {
  it('of a command that ends orderly on SIGTERM ends ballot with 0', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ traps: "trap 'exit 0' TERM" });
    await stage.journal.started();
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(0);
    expect(await stage.election()).toEqual(abandoned);
  });

  it('waits for kill-after, and then kills what does not listen; only then another one leads', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ flags: { 'kill-after': '700ms' }, traps: "trap '' TERM" });
    const { pid } = await stage.journal.started();
    const next = await stage.stand();
    const at = performance.now();
    leader.signal('SIGTERM');
    const start = stage.journal.started(1, { candidate: next.id });
    await poll(() => !isAlive(pid), { what: 'the end of the command' });
    expect(performance.now() - at).toBeGreaterThan(690);
    expect(await leader.end()).toBe(137);
    await start;
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('is cut short by a second signal (%s): SIGKILL at once', async (second) => {
    await using stage = zookeeper.stage();
    const leader = stage.start({
      flags: { 'kill-after': '1h' },
      traps: "trap 'note asked' TERM",
      script: 'stay; stay; stay',
    });
    await stage.journal.started();
    leader.signal('SIGTERM');
    await stage.journal.noted('asked');
    // Nobody but ballot's own clock says when a second has passed.
    const { done } = repeatedly(() => leader.signal(second));
    await leader.says('a second signal');
    done();
    expect(await leader.end()).toBe(137);
    expect(leader.said('a second signal')).toHaveLength(1);
    expect(await stage.election()).toEqual(abandoned);
  });

  it.each([
    ['SIGTERM', 'SIGHUP'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['SIGHUP', 'SIGTERM'],
  ] as const)('by %s and %s at once leaves the command its grace', async (first, second) => {
    await using stage = zookeeper.stage();
    const traps = "trap 'note asked; stay 0.3; note tidied; exit 4' TERM INT HUP";
    const leader = stage.start({ flags: { 'kill-after': '1h' }, traps, script: 'note ready; stay; stay; stay' });
    await stage.journal.noted('ready');
    leader.signal(first);
    leader.signal(second);
    expect(await leader.end()).toBe(4);
    await stage.journal.noted('tidied');
    expect(leader.said('a second signal')).toEqual([]);
  });

  it('is never cut short by SIGHUP', async () => {
    await using stage = zookeeper.stage();
    const traps = "trap 'note asked' TERM; trap 'exit 5' USR1; trap '' HUP";
    const leader = stage.start({
      flags: { 'kill-after': '1h', 'log-level': 'debug' },
      traps,
      script: 'note ready; while :; do stay; done',
    });
    await stage.journal.noted('ready');
    leader.signal('SIGTERM');
    await stage.journal.noted('asked');
    const { at } = await elapsed(1000);
    expect(at).toBeGreaterThan(1000);
    leader.signal('SIGHUP');
    await leader.says('the stop is under way already');
    leader.signal('SIGUSR1');
    expect(await leader.end()).toBe(5);
  });

  it('begins with stop-signal', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({
      flags: { 'stop-signal': 'SIGUSR2' },
      traps: "trap 'exit 9' USR2; trap '' TERM",
    });
    await stage.journal.started();
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(9);
  });

  it('of a standby ends it with 0, and its proposal is gone at once', async () => {
    await using stage = zookeeper.stage();
    const leader = await stage.stand();
    const { pid } = await stage.journal.started();
    const standby = await stage.stand();
    expect((await stage.election())?.proposals).toHaveLength(2);
    standby.signal('SIGTERM');
    expect(await standby.end()).toBe(0);
    expect((await stage.election())?.proposals).toHaveLength(1);
    expect(standby.descendants()).toEqual([]);
    expect(isAlive(pid)).toBe(true);
    expect(stage.journal.starts().map(({ candidate }) => candidate)).toEqual([leader.id]);
  });

  it('between two runs of a command that keeps failing ends ballot at once', async () => {
    await using stage = zookeeper.stage();
    const flags = { 'on-child-error': 'rerun', 'restart-delay': '1h', 'restart-max-delay': '1h' };
    const leader = stage.start({ flags, script: 'exit 3' });
    await leader.says('the run is over');
    leader.signal('SIGTERM');
    expect(await leader.end(5000)).toBe(0);
    expect(await stage.election()).toEqual(abandoned);
  });
});

describe('signals for the command', () => {
  it.each(['SIGUSR1', 'SIGUSR2'] as const)('%s is passed on, and ballot goes on', async (signal) => {
    await using stage = zookeeper.stage();
    const script = `trap 'note got-${signal}' ${signal.slice(3)}; note ready; while :; do stay; done`;
    const leader = stage.start({ script });
    await stage.journal.noted('ready');
    leader.signal(signal);
    await stage.journal.noted(`got-${signal}`);
    leader.signal(signal);
    await stage.journal.noted(`got-${signal}`, 2);
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
  });

  it('do not include SIGWINCH when the command writes to the log, whatever it may mean to it', async () => {
    await using stage = zookeeper.stage();
    const script = "trap 'note winch' WINCH; trap 'note usr2' USR2; note ready; while :; do stay; done";
    const leader = stage.start({ script });
    await stage.journal.noted('ready');
    leader.signal('SIGWINCH');
    leader.signal('SIGUSR2');
    await stage.journal.noted('usr2');
    expect(stage.journal.entries().map(({ event }) => event)).not.toContain('winch');
  });

  it('include SIGWINCH when the command writes to a terminal of ballot’s', async () => {
    await using stage = zookeeper.stage();
    const script = "trap 'note winch' WINCH; note ready; while :; do stay; done";
    const flags = { 'wrap-child-logs': 'false', 'zookeeper-servers': zookeeper.connectString };
    const all = Object.entries({ ...flags, 'zookeeper-base-path': stage.basePath }).map(
      ([key, to]) => `--${key}=${to}`,
    );
    const words = [process.execPath, ballotPath, 'run', 'once', ...all, '--', ...stage.journal.command(script)];
    const line = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const terminal = spawn('script', ['-qec', `exec ${line}`, '/dev/null'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => terminal.once('exit', resolve));
    try {
      await stage.journal.noted('ready');
      const [ballot] = childrenOf(terminal.pid as number);
      process.kill(ballot as number, 'SIGWINCH');
      await stage.journal.noted('winch');
      process.kill(ballot as number, 'SIGTERM');
    } finally {
      terminal.kill('SIGTERM');
      await ended;
    }
  });

  it('find no command on a standby, and do not end it', async () => {
    await using stage = zookeeper.stage();
    await stage.stand();
    const standby = await stage.stand();
    for (const signal of ['SIGUSR2', 'SIGWINCH', 'SIGUSR1'] as const) standby.signal(signal);
    await expect(
      Promise.race([standby.ended, new Promise((resolve) => setTimeout(resolve, 500, 'alive'))]),
    ).resolves.toBe('alive');
    expect(standby.stderr).toBe('');
  });
});

describe('SIGHUP under on-hangup=ignore', () => {
  it('changes nothing for a leader, and SIGTERM stops it as usual', async () => {
    await using stage = zookeeper.stage();
    const leader = stage.start({ flags: { 'on-hangup': 'ignore' } });
    await stage.journal.started();
    leader.signal('SIGHUP');
    leader.signal('SIGHUP');
    // Signals that are pending at the same time come in the order of their numbers: SIGHUP is the lowest.
    leader.signal('SIGTERM');
    expect(await leader.end()).toBe(143);
    expect(leader.said('stopping the command').map(({ signal }) => signal)).toEqual(['SIGTERM']);
  });
});

describe('SIGTERM during start-up', () => {
  /** At several instants from the first logged line on. */
  const instants = [0, 20, 60, 150, 400, 1200];

  it.each(instants)(
    '%i ms after the first line, with nothing at the address: 0 at once, and nothing is left',
    async (after) => {
      const [port] = await freePorts(1);
      await using stage = new Stage(`127.0.0.1:${port}`);
      const candidate = stage.start();
      await candidate.says('standing for election');
      await pass(after);
      const keepers = candidate.keepers();
      candidate.signal('SIGTERM');
      expect(await candidate.end(4000)).toBe(0);
      await poll(() => keepers.every((pid) => !isAlive(pid)), { what: 'the keepers to be gone' });
      expect(stage.journal.entries()).toEqual([]);
      expect(candidate.stderr).toBe('');
    },
  );

  it.each(instants)(
    '%i ms after the first line, with a silent server: 0 in time, and nothing is left',
    async (after) => {
      await using proxy = await Proxy.start(zookeeper.server.port);
      proxy.blackHole();
      await using stage = new Stage(proxy.address);
      const candidate = stage.start();
      await candidate.says('standing for election');
      await pass(after);
      const keepers = candidate.keepers();
      candidate.signal('SIGTERM');
      expect(await candidate.end(6000)).toBe(0);
      await poll(() => keepers.every((pid) => !isAlive(pid)), { what: 'the keepers to be gone' });
      expect(stage.journal.entries()).toEqual([]);
    },
  );

  it.each([0, 10, 30, 60, 100, 200])(
    '%i ms after the first line, with a server: a stop, the command is not left running, nobody holds the lease',
    async (after) => {
      await using stage = zookeeper.stage();
      const candidate = stage.start();
      await candidate.says('standing for election');
      await pass(after);
      candidate.signal('SIGTERM');
      expect([0, 143]).toContain(await candidate.end());
      expect(candidate.descendants()).toEqual([]);
      expect((await stage.election()) ?? abandoned).toEqual(abandoned);
    },
  );
});
