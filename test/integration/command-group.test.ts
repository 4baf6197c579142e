import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { markOf } from '../../src/command/mark.ts';
import { countStarts } from '../../src/command/proc.ts';
import { type GroupIdentity, RunProcesses } from '../../src/command/run-processes.ts';
import { Lines, alive, processStat, shell, start } from '../support/command.ts';
import { PATIENCE_MS, poll } from '../support/poll.ts';

const line = async (lines: Lines, index = 0): Promise<string> => {
  await poll(() => lines.stdout.length > index);
  return lines.stdout[index]!;
};
/** The processes of a run that carry no mark: those of its session. */
const processesOf = (group: GroupIdentity): RunProcesses => new RunProcesses({ group, mark: [] }, () => {});
const pending = (promise: Promise<unknown>, ms: number): Promise<boolean> =>
  Promise.race([promise.then(() => false), new Promise<boolean>((resolve) => setTimeout(() => resolve(true), ms))]);

/**
 * Descriptors above 15 that whoever started the tests left open without close-on-exec: Node passes them on, and cannot
 * know whose they are.
 */
async function passedOn(): Promise<string[]> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const names = readdirSync(`/proc/${child.pid!}/fd`).filter((name) => Number(name) > 15);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  return names;
}

describe('the surroundings of a command', () => {
  it.each([true, false])(
    'a group and session of its own, stdin from /dev/null, no other open file (wrap: %s)',
    async (wrap) => {
      const inherited = await passedOn();
      const mine = Array.from({ length: 20 }, () => openSync('/dev/zero', 'r'));
      const run = start(['sleep', '60'], undefined, { wrap });
      mine.forEach((fd) => closeSync(fd));
      const pid = run.pid!;
      expect(processStat(pid)).toMatchObject({ group: pid, session: pid });
      // The loader of `sleep` itself opens libraries, for a moment.
      await expect
        .poll(() => readdirSync(`/proc/${pid}/fd`), { timeout: PATIENCE_MS })
        .toEqual(['0', '1', '2', ...inherited]);
      expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null');
      run.signal('SIGKILL');
      await run.gone;
    },
  );

  it('exactly the environment it is given', async () => {
    const lines = new Lines();
    const run = start(['/usr/bin/env'], lines, { env: { A: '1', B: 'two words', C: undefined } });
    await run.drained;
    expect(lines.stdout.toSorted()).toEqual(['A=1', 'B=two words']);
  });

  it('its output can be opened by name, as scripts do', async () => {
    const lines = new Lines();
    const run = shell('echo out >/dev/stdout; echo err >/dev/stderr; echo fd >/proc/self/fd/1', lines);
    expect(await run.exited).toEqual({ kind: 'exited', code: 0 });
    await run.drained;
    expect([lines.stdout, lines.stderr]).toEqual([['out', 'fd'], ['err']]);
  });

  it('leaves no descriptor behind, run after run', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const once = async (): Promise<void> => {
      const run = shell('echo x; echo y >&2');
      await run.gone;
      await run.drained;
      await poll(() => true);
    };
    for (let index = 0; index < 5; index += 1) await once();
    const before = descriptors();
    for (let index = 0; index < 50; index += 1) await once();
    expect(descriptors()).toBeLessThanOrEqual(before);
  });
});

describe('the session of a command', () => {
  it('is gone at once with a command that leaves nobody', async () => {
    const run = shell('exit 0');
    await run.exited;
    let timers = 0;
    const clock = { ...systemClock, at: () => ((timers += 1), () => {}) };
    await processesOf(run.group!).untilGone(clock);
    expect(timers).toBe(0);
    await run.gone;
  });

  it('is not gone while a grandchild lives in it, and still takes signals', async () => {
    const lines = new Lines();
    const run = shell('sleep 60 & echo $!; exit 3', lines);
    expect(await run.exited).toEqual({ kind: 'exited', code: 3 });
    const grandchild = Number(await line(lines));
    expect(await pending(run.gone, 150)).toBe(true);
    expect(alive(grandchild)).toBe(true);
    run.signal('SIGTERM');
    await run.gone;
    expect(alive(grandchild)).toBe(false);
    await run.drained;
  });

  it('survives SIGTERM when it ignores it, not SIGKILL', async () => {
    const lines = new Lines();
    const run = shell("trap '' TERM; echo ready; sleep 60 & wait; sleep 60", lines);
    await line(lines);
    run.signal('SIGTERM');
    expect(await pending(run.exited, 150)).toBe(true);
    run.signal('SIGKILL');
    expect(await run.exited).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
    await run.gone;
  });

  it('counts as gone when only a zombie is left that nobody reaps', async () => {
    const lines = new Lines();
    // The process that leaves the session keeps its dead child, which belongs to the group, as a zombie.
    const script = `import os, sys, time
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    # stays in the group, as parent of a zombie; then moves to a session of its own
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.setsid()
    print(child, os.getpid(), flush=True)
    os.write(w, b'x')
    time.sleep(60)
os.read(r, 1)
os._exit(0)`;
    const run = start(['python3', '-c', script], lines);
    const [zombie, parent] = (await line(lines)).split(' ').map(Number);
    await run.exited;
    await poll(() => processStat(zombie!)?.state === 'Z');
    expect(processStat(zombie!)).toMatchObject({ state: 'Z', group: run.pid });
    await run.gone;
    await run.drained;
    process.kill(parent!, 'SIGKILL');
  });

  it('counts as alive while a thread goes on after the main thread has ended', async () => {
    const lines = new Lines();
    const script = `import threading, time, ctypes, os, sys
def work():
    print('thread', flush=True)
    time.sleep(60)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)`;
    const run = start(['python3', '-c', script], lines);
    await line(lines);
    await poll(() => processStat(run.pid!)?.state === 'Z');
    expect(processesOf(run.group!).isAlive()).toBe(true);
    run.signal('SIGKILL');
    await run.gone;
  });

  it('is never taken for another one with the same number', async () => {
    const run = start(['sleep', '60']);
    const earlier = processesOf({ pgid: run.pid!, startTime: '1' });
    expect(earlier.signal('SIGKILL')).toBe('gone');
    await poll(() => !earlier.isAlive());
    await earlier.untilGone(systemClock);
    expect(alive(run.pid!)).toBe(true);
    const copy = processesOf(JSON.parse(JSON.stringify(run.group)) as GroupIdentity);
    expect(copy.signal('SIGKILL')).toBe('sent');
    await run.gone;
    expect(copy.signal('SIGKILL')).toBe('gone');
  });

  it('does not include a process that only shares the number as a group of another session', async () => {
    const run = shell('exit 0');
    await run.gone;
    expect(processesOf({ pgid: run.pid!, startTime: run.group!.startTime }).signal('SIGTERM')).toBe('gone');
  });

  it('ends the wait when it is aborted', async () => {
    const run = start(['sleep', '60']);
    const abort = new AbortController();
    const wait = processesOf(run.group!).untilGone(systemClock, abort.signal);
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
    run.signal('SIGKILL');
    await run.gone;
  });
});

describe('processes that left the session of a command', () => {
  const marked = (basePath: string): NodeJS.ProcessEnv => ({
    ...process.env,
    BALLOT_RUN_ID: '7.1',
    BALLOT_ZOOKEEPER_BASE_PATH: basePath,
  });
  const leaves = ['sh', '-c', 'setsid sh -c "echo \\$\\$; exec sleep 60" & wait'] as const;

  it('belong to its run by their environment, not to one of the same id in another election', async () => {
    const [one, other] = [new Lines(), new Lines()];
    const run = start(leaves, one, { env: marked('/one') });
    const beside = start(leaves, other, { env: marked('/other') });
    const [stray, strayBeside] = [Number(await line(one)), Number(await line(other))];
    run.signal('SIGKILL');
    await run.gone;
    expect(alive(stray)).toBe(false);
    expect(alive(strayBeside)).toBe(true);
    beside.signal('SIGKILL');
    await beside.gone;
    expect(alive(strayBeside)).toBe(false);
  });

  it('hold the end of the run up, and are named', async () => {
    const lines = new Lines();
    const run = start(['sh', '-c', 'setsid sh -c "echo \\$\\$; exec sleep 60" & exit 0'], lines, {
      env: marked('/one'),
    });
    const stray = Number(await line(lines));
    await run.exited;
    await poll(() => run.followers().some(({ pid, name }) => pid === stray && name === 'sleep'));
    expect(await pending(run.gone, 150)).toBe(true);
    process.kill(stray, 'SIGKILL');
    await run.gone;
    expect(run.followers()).toEqual([]);
  });

  it('are its own only if they are no older than the command', async () => {
    const older = spawn('sleep', ['60'], { env: marked('/one'), stdio: 'ignore' });
    await once(older, 'spawn');
    // Start times count in hundredths of a second.
    const bornAt = performance.now();
    await poll(() => performance.now() > bornAt + 50);
    const run = start(['sleep', '60'], new Lines(), { env: marked('/one') });
    run.signal('SIGKILL');
    await run.gone;
    // As the keeper sees it, which knows nothing of the numbers that were given out.
    const processes = new RunProcesses(
      { group: { ...run.group!, startsBefore: undefined }, mark: markOf(marked('/one')) },
      () => {},
    );
    // Anything on this host that is just about to execute another program counts, for some looks.
    await poll(() => !processes.isAlive());
    expect(alive(older.pid!)).toBe(true);
    const exited = once(older, 'exit');
    older.kill('SIGKILL');
    await exited;
  });

  it('are not missed while they execute another program', async () => {
    const lines = new Lines();
    // It turns into itself again and again, and has no environment to read at some of the moments. It ends by itself,
    // should this test be killed.
    const again = 'N=$((N+1)); [ $N -lt 50000 ] && exec sh -c "$AGAIN"';
    const env = { ...marked('/one'), AGAIN: again, N: '0' };
    const run = start(['sh', '-c', `setsid sh -c 'echo $$; ${again}' & exit 0`], lines, { env });
    const stray = Number(await line(lines));
    await run.exited;
    const traits = { group: { ...run.group!, startsBefore: countStarts() }, mark: markOf(env) };
    const look = (): boolean => new RunProcesses(traits, () => {}).isAlive();
    const looks = Array.from({ length: 300 }, look);
    process.kill(stray, 'SIGKILL');
    await run.gone;
    expect(looks.filter((isAlive) => !isAlive)).toEqual([]);
  });
});
