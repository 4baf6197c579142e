import { describe, expect, it } from 'vitest';
import { exitCode } from '../../../src/command/exit.ts';

describe('exit code of an outcome', () => {
  it.each([0, 1, 42, 255])('is the command’s own: %i', (code) => {
    expect(exitCode({ kind: 'exited', code })).toBe(code);
  });
  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
    ['SIGTERM', 143],
  ] as const)('%s is %i', (signal, code) => {
    expect(exitCode({ kind: 'signalled', signal })).toBe(code);
  });
  it('a signal that has no number here is no success', () => {
    expect(exitCode({ kind: 'signalled', signal: 'SIGBREAK' })).toBe(255);
  });
  it.each([126, 127] as const)('%i when it could not be started', (code) => {
    expect(exitCode({ kind: 'notStarted', code, message: '' })).toBe(code);
  });
});
