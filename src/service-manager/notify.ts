/**
 * One message to the service manager (sd_notify(3)), sent by its own tool `systemd-notify`. Node has no datagram
 * sockets of the UNIX family, and the packages that have them bring a native build. The tool also waits until the
 * message has been taken: a sender that is gone by then could not be told to be of this unit.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../clock.ts';
import { describe } from '../errors.ts';
import { within } from '../waiting.ts';

/** Sends assignments, such as `READY=1`. Rejects when it is not known that they have arrived. */
export type Send = (assignments: readonly string[], signal: AbortSignal) => Promise<void>;

/** Longer than the 5 s that the tool itself waits for the service manager. */
const SEND_WITHIN_MS = 10_000;

/** What of the tool's complaint is kept, characters. */
const LONGEST_COMPLAINT = 300;

/** Sends to this socket. `path`: where the tool is looked for, as PATH has it. */
export function systemdNotify(socket: string, path: string | undefined, clock: Clock): Send {
  return async (assignments, signal) => {
    const child = spawn('systemd-notify', assignments, {
      env: { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const late = (): Error => new Error(`systemd-notify has not ended within ${SEND_WITHIN_MS / 1000} s`);
    try {
      await within(clock, end(child), { signal, at: clock.now() + SEND_WITHIN_MS, late });
    } finally {
      child.kill('SIGKILL');
    }
  };
}

/** Resolves when the tool has ended well. */
function end(child: ChildProcess): Promise<void> {
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (data: string) => {
    complaint = (complaint + data).slice(0, LONGEST_COMPLAINT);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = 'systemd-notify is not in PATH: install it, or do not set NOTIFY_SOCKET';
      reject(new Error(error.code === 'ENOENT' ? missing : describe(error), { cause: error }));
    });
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(new Error(`systemd-notify ended with ${code ?? killedBy}: ${complaint.trim()}`));
    });
  });
}
