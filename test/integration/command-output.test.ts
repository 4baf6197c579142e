import { describe, expect, it } from 'vitest';
import type { OutputBlock, OutputSink } from '../../src/command/output.ts';
import { Lines, alive, shell, start } from '../support/command.ts';
import { pass, poll } from '../support/poll.ts';
import { expectWithin } from '../support/yardstick.ts';

describe('the output of a command', () => {
  it('arrives whole: 400 kB without a newline, cut and marked', async () => {
    const lines = new Lines();
    const run = shell("head -c 400000 /dev/zero | tr '\\0' x", lines);
    await run.drained;
    expect(lines.stdout.map((line) => line.length)).toEqual([65536, 65536, 65536, 65536, 65536, 65536, 6784]);
    expect(lines.partial).toBe(6);
  });

  it('binary output arrives as replacement characters, nothing is lost after it', async () => {
    const lines = new Lines();
    const run = shell("head -c 1000000 /dev/urandom; echo; echo 'after'", lines);
    await run.drained;
    expect(lines.stdout.at(-1)).toBe('after');
    expect(lines.stdout.length).toBeGreaterThan(3000);
  });

  it('a command that closes its output lives on', async () => {
    const lines = new Lines();
    const run = shell('echo bye; exec >&- 2>&-; exec sleep 60', lines);
    await run.drained;
    expect(lines.stdout).toEqual(['bye']);
    expect(alive(run.pid!)).toBe(true);
    run.signal('SIGKILL');
    await run.gone;
  });

  it('is drained when the group is gone, though a daemon outside it holds the pipe; what that writes later arrives too', async () => {
    const lines = new Lines();
    const run = shell(
      'setsid sh -c "echo \\$\\$; sleep 0.3; echo late; sleep 60" & sleep 0.05; printf "last of the command"',
      lines,
    );
    await run.exited;
    const before = performance.now();
    await run.drained;
    expectWithin(performance.now() - before, 200);
    expect(lines.stdout.slice(1)).toEqual(['last of the command']);
    await poll(() => lines.stdout.includes('late'));
    process.kill(-Number(lines.stdout[0]), 'SIGKILL');
  });

  it('is drained though a daemon outside the group never stops writing', async () => {
    const lines = new Lines();
    const run = shell('setsid sh -c "echo \\$\\$ >&2; exec yes" & sleep 0.05; exit 0', lines);
    await run.drained;
    await poll(() => lines.stderr.length > 0);
    process.kill(-Number(lines.stderr[0]), 'SIGKILL');
    expect(lines.stdout.length).toBeGreaterThan(0);
  });

  it('holds the command back while the sink is slow, and loses nothing', async () => {
    let bytes = 0;
    let count = 0;
    let release = (): void => {};
    const sink: OutputSink = {
      output: ({ lines }: OutputBlock) => {
        bytes += lines.length;
        count += lines.toString('latin1').split('\n').length - 1;
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    };
    const run = start(['seq', '1', '1000000'], sink);
    await poll(() => bytes > 0);
    await pass(300);
    const blocked = bytes;
    await pass(100);
    expect(bytes).toBe(blocked);
    expect(blocked).toBeLessThan(200_000);
    expect(alive(run.pid!)).toBe(true);
    const releasing = setInterval(() => release(), 0);
    await run.drained;
    clearInterval(releasing);
    expect(count).toBe(1_000_000);
    expect(await run.exited).toEqual({ kind: 'exited', code: 0 });
  }, 20_000);

  it('a million lines arrive in order', async () => {
    let next = 1;
    let wrong = 0;
    const sink: OutputSink = {
      output: ({ lines }) => {
        for (const line of lines.toString('latin1').slice(0, -1).split('\n')) {
          if (line !== String(next)) wrong += 1;
          next += 1;
        }
        return undefined;
      },
    };
    await start(['seq', '1', '1000000'], sink).drained;
    expect([next, wrong]).toEqual([1_000_001, 0]);
  }, 20_000);
});
