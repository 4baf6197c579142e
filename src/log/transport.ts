import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { Clock } from '../clock.ts';
import { orUndefined } from '../errors.ts';

/** Called once a piece, or the first `written` bytes of it, has been taken by the kernel. */
export type Written = (error: NodeJS.ErrnoException | null, written: number) => void;

/** A way to write to a descriptor without ever blocking the event loop. One `write` at a time. */
export interface Transport {
  /** The largest piece worth handing over at once, bytes: also the grain in which progress shows. */
  readonly pieceBytes: number;
  /** True when an error ends it for good (a closed reader); false when a later write may succeed (a full disk). */
  readonly breaks: boolean;
  write(piece: Buffer, done: Written): void;
}

const PIPE_PIECE = 64 * 1024;
const FILE_PIECE = 1024 * 1024;
/** How often a stopped terminal (Ctrl-S) is tried again, ms. */
const TERMINAL_RETRY_MS = 20;

/**
 * Opens the file behind a descriptor anew: a description of our own, on which O_NONBLOCK harms nobody else. (On the
 * inherited one it would be shared with the command, with the shell and with its other children.) `undefined` where
 * that cannot be had: a socket, a pipe made by another user, no /proc.
 */
function openAnew(fd: number): number | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  return orUndefined(() => openSync(`/proc/self/fd/${fd}`, flags));
}

/** Pipes and sockets. */
function socketTransport(fd: number): Transport {
  const socket = new Socket({ fd, readable: false, writable: true });
  let failure: NodeJS.ErrnoException | null = null;
  // Every failed write has its own callback; this one keeps an error without a write from ending the process.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error;
  });
  return {
    pieceBytes: PIPE_PIECE,
    breaks: true,
    write: (piece, done) => {
      socket.write(piece, (error) => done(error ?? failure, piece.length));
    },
  };
}

/** Regular files and devices, by a thread of libuv: the inherited descriptor, its position and O_APPEND shared. */
function fileTransport(fd: number): Transport {
  return {
    pieceBytes: FILE_PIECE,
    breaks: false,
    write: (piece, done) => write(fd, piece, 0, piece.length, null, done),
  };
}

/** A terminal, opened anew, as libuv's terminal streams block. Tries again later when it takes no more. */
function terminalTransport(fd: number, clock: Clock): Transport {
  const attempt = (piece: Buffer, done: Written): void => {
    try {
      const written = writeSync(fd, piece);
      queueMicrotask(() => done(null, written));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN')
        clock.at(clock.now() + TERMINAL_RETRY_MS, () => attempt(piece, done));
      else queueMicrotask(() => done(error as NodeJS.ErrnoException, 0));
    }
  };
  return { pieceBytes: PIPE_PIECE, breaks: true, write: attempt };
}

/**
 * Chooses how to write to a descriptor that was inherited. Where a pipe cannot be opened anew, and for sockets (the
 * journal of systemd), O_NONBLOCK is set on the shared description: Node resets it for fds 0 to 2 when it exits; a
 * command with `wrap-child-logs=false` makes it blocking again when it starts.
 */
export function openTransport(fd: number, clock: Clock): Transport {
  if (isatty(fd)) {
    const own = openAnew(fd);
    return own === undefined ? fileTransport(fd) : terminalTransport(own, clock);
  }
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isSocket()) return fileTransport(fd);
  try {
    return socketTransport((stat.isFIFO() ? openAnew(fd) : undefined) ?? fd);
  } catch {
    // A kind of socket that Node has no stream for.
    return fileTransport(fd);
  }
}
