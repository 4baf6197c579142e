import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runBallot } from '../support/ballot.ts';

describe('ballot completion', () => {
  it('prints a script that bash takes', async () => {
    const { code, stdout } = await runBallot(['completion', 'bash']);
    expect(code).toBe(0);
    const script = 'eval "$(cat)"; complete -p ballot; _ballot_next ""; echo "$REPLY"';
    const bash = spawnSync('bash', ['--norc', '-c', script], { input: stdout, encoding: 'utf8' });
    expect(bash.stdout).toMatch(/^complete -F _ballot ballot\nrun .*\binfo .*completion/);
    expect(bash.stderr).toBe('');
  });

  it('is for the user’s own shell unless one is named', async () => {
    const own = await runBallot(['completion'], { env: { SHELL: '/usr/bin/zsh' } });
    expect(own).toMatchObject({ code: 0, stderr: '' });
    expect(own.stdout).toMatch(/^#compdef ballot\n/);
  });

  it('says which shells it has a script for', async () => {
    const other = await runBallot(['completion', 'fish']);
    expect(other).toMatchObject({ code: 64, stdout: '' });
    expect(other.stderr).toContain('ballot completion "fish": there is no script for this shell');
    expect(other.stderr).toContain('ballot completion bash, ballot completion zsh');
    const unknown = await runBallot(['completion'], { env: { SHELL: '/bin/sh' } });
    expect(unknown).toMatchObject({ code: 64, stdout: '' });
    expect(unknown.stderr).toContain('ballot completion needs to know the shell: SHELL is "/bin/sh"');
    expect((await runBallot(['completion'])).stderr).toContain('SHELL is not set');
  });
});
