import { chmodSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCode, signalNumber } from '../../src/command/exit.ts';
import { Lines, shell, start } from '../support/command.ts';
import { useFolder } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';

const folder = useFolder('outcome');

function script(name: string, text: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('how a command ended', () => {
  it('every exit code from 0 to 255, as it is', async () => {
    for (let code = 0; code <= 255; code += 1) {
      const run = shell(`exit ${code}`);
      expect(await run.exited).toEqual({ kind: 'exited', code });
      await run.gone;
      await run.drained;
    }
  });

  const deadly = Object.keys(constants.signals).filter(
    (name) => !['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'].includes(name),
  ) as NodeJS.Signals[];
  it.each(deadly)('%s, sent through the group', async (signal) => {
    const run = start(['sleep', '60']);
    run.signal(signal);
    const outcome = await run.exited;
    // Some signals have two names.
    expect(outcome.kind).toBe('signalled');
    expect(exitCode(outcome)).toBe(128 + signalNumber(signal)!);
    await run.gone;
  });

  it.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGPIPE', 'SIGALRM'] as const)(
    '%s reaches a command that catches it',
    async (signal) => {
      const name = signal.slice(3);
      const lines = new Lines();
      const run = shell(`trap 'echo caught; exit 7' ${name}; echo ready; while :; do sleep 0.01; done`, lines);
      await poll(() => lines.stdout.includes('ready'), { what: 'the trap' });
      run.signal(signal);
      expect(await run.exited).toEqual({ kind: 'exited', code: 7 });
      await run.gone;
    },
  );
});

describe('a command that cannot be started', () => {
  it.each<[string, () => [string, ...string[]], number, RegExp]>([
    ['no such name in PATH', () => ['ballot-no-such-command'], 127, /PATH/],
    ['no such file', () => [join(folder, 'none')], 127, /no such file/],
    ['not executable', () => [script('plain', 'x', 0o644)], 126, /not executable/],
    ['a folder', () => [folder], 126, /folder/],
    ['below a file', () => [`${script('file', '')}/x`], 126, /ENOTDIR/],
    ['an interpreter that is missing', () => [script('lost', '#!/no/such/interpreter\n')], 126, /interpreter/],
    ['an empty name', () => [''], 126, /empty/],
    ['a null byte in an argument', () => ['echo', 'a\0b'], 126, /null bytes/],
    ['arguments that are too long', () => ['echo', 'x'.repeat(4_000_000)], 126, /too long/],
  ])('%s', async (_name, command, code, message) => {
    for (const wrap of [true, false]) {
      const run = start(command(), undefined, { wrap });
      const outcome = await run.exited;
      expect(outcome).toMatchObject({ kind: 'notStarted', code });
      expect(outcome.kind === 'notStarted' && outcome.message).toMatch(message);
      expect(run.pid).toBeUndefined();
      expect(exitCode(outcome)).toBe(code);
      await run.gone;
      await run.drained;
      run.signal('SIGTERM');
    }
  });

  it('a null byte in the environment', async () => {
    const run = start(['true'], undefined, { env: { ...process.env, BAD: 'a\0b' } });
    expect(await run.exited).toMatchObject({ kind: 'notStarted', code: 126 });
  });

  it('a script without a first line that names a shell is run by sh, as execvp does', async () => {
    expect(await start([script('bare', 'exit 9\n')]).exited).toEqual({ kind: 'exited', code: 9 });
  });
});
