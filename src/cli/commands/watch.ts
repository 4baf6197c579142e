/** `ballot watch`: what `ballot info` says, for as long as somebody looks. Reads only. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import { systemClock } from '../../clock.ts';
import { ExitCode } from '../../errors.ts';
import { LEDGER } from '../../ledger/record.ts';
import type { ElectionView } from '../../election/observer.ts';
import type { Logger } from '../../log/logger.ts';
import { follow } from '../../zookeeper/report/follow.ts';
import { viewOf } from '../../zookeeper/report/observer.ts';
import { tellConfiguration } from '../candidate-log.ts';
import { sessionsFor, type WatchContext } from '../command-context.ts';
import { FLUSH_WITHIN_MS, notesOnServers, stderrLog } from '../look.ts';
import { notesOnNobody } from '../report/nobody.ts';
import { pictureOf, type Picture } from '../report/picture.ts';
import type { Display } from '../watch/display.ts';
import { HeldLog } from '../watch/held-log.ts';
import { Lines } from '../watch/lines.ts';
import { formatServers } from '../../config/servers.ts';
import { Screen } from '../watch/screen.ts';

/** The reason of an end that was asked for. */
const ENDED = new Error('ballot watch was asked to end');

/**
 * Shows the election on stdout, anew at each change, until it is asked to end (then it resolves with exit code 0), or
 * the reader is gone (the same). Waits for an ensemble that is away, and for an election that does not exist. Throws
 * RefusedError when an ACL forbids the look, BallotError when stdout cannot be written.
 */
export async function watch(context: WatchContext): Promise<number> {
  const log = stderrLog(context, context.config.logLevel);
  const held = isScreen(context) && isatty(2) ? new HeldLog(log, systemClock) : undefined;
  const end = new AbortController();
  // One listener for each request under way, and a queue may be long.
  setMaxListeners(0, end.signal);
  try {
    tellConfiguration(context, log);
    // What it says belongs before the screen.
    await log.flush(FLUSH_WITHIN_MS);
    context.signals.answerWith({ onHangup: 'stop', stop: () => end.abort(ENDED), passOn: () => undefined });
    const display = open(context, end);
    try {
      const followed = await coordinatorOf(context, held ?? log);
      const show = new Show(context, { display, end, name: followed.name });
      return await followed.follow(end.signal, (view) => show.told(view));
    } finally {
      end.abort(ENDED);
      await display.close();
    }
  } catch (error) {
    if (error !== ENDED) throw error;
    return ExitCode.ok;
  } finally {
    held?.release();
    await log.flush(FLUSH_WITHIN_MS);
  }
}

/** An election that can be followed until the signal is aborted, whose reason is thrown then. */
interface Followed {
  readonly name: string;
  follow(signal: AbortSignal, told: (view: ElectionView) => void): Promise<never>;
}

async function coordinatorOf(context: WatchContext, logger: Logger): Promise<Followed> {
  const { config } = context;
  const common = { clock: systemClock, register: LEDGER };
  if (config.coordinator === 'local') {
    const [{ electionFolder }, { followFolder }] = await Promise.all([
      import('../../local/folder.ts'),
      import('../../local/observer.ts'),
    ]);
    const folder = electionFolder(config);
    const server = hostname();
    return {
      name: folder.path,
      follow: (signal, told) => followFolder({ ...common, logger, folder, server, signal, told }),
    };
  }
  const { zookeeperBasePath: basePath } = config;
  const sessions = sessionsFor(context, logger);
  return {
    name: basePath,
    follow: (signal, told) =>
      follow({ ...common, sessions, basePath, signal, told: (view) => told(viewOf(view, basePath)) }),
  };
}

/** Whether the whole terminal is used. */
function isScreen({ output, env }: WatchContext): boolean {
  return output !== 'json' && isatty(1) && env['TERM'] !== 'dumb';
}

function open(context: WatchContext, end: AbortController): Display {
  const { output, env } = context;
  const options = {
    clock: systemClock,
    quit: () => end.abort(ENDED),
    fail: (error: unknown) => end.abort(error),
  };
  if (isScreen(context)) return new Screen({ ...options, colours: !env['NO_COLOR'] });
  return new Lines({ ...options, format: output ?? (isatty(1) ? 'text' : 'json') });
}

/** Where scenes are shown, and of what. */
interface Shown {
  readonly display: Display;
  readonly end: AbortController;
  /** The election's path. */
  readonly name: string;
}

/** Makes scenes of what is told of the election, and shows them. */
class Show {
  readonly #context: WatchContext;
  readonly #shown: Shown;
  #view: ElectionView | undefined;
  /** On servers that do not serve, by the last look. */
  #servers: readonly string[] = [];
  #isLooking = false;
  #isShowing = false;
  #isDue = false;
  #cancel: () => void = () => undefined;

  constructor(context: WatchContext, shown: Shown) {
    this.#context = context;
    this.#shown = shown;
    shown.end.signal.addEventListener('abort', () => this.#cancel());
    this.told({ connection: { state: 'connecting', since: systemClock.now(), why: undefined }, sightAt: undefined });
  }

  told(view: ElectionView): void {
    const before = this.#view?.connection.state;
    this.#view = view;
    if (before !== view.connection.state) void this.#lookAtServers();
    void this.#show();
  }

  /** When contact comes and goes, and not by the clock. */
  async #lookAtServers(): Promise<void> {
    const { signal } = this.#shown.end;
    if (this.#isLooking || signal.aborted) return;
    this.#isLooking = true;
    try {
      let state;
      do {
        state = this.#view?.connection.state;
        this.#servers = await notesOnServers(this.#context, signal);
        void this.#show();
      } while (state !== this.#view?.connection.state);
    } catch (error) {
      this.#shown.end.abort(error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** One at a time: what is told meanwhile is shown next. */
  async #show(): Promise<void> {
    this.#isDue = true;
    if (this.#isShowing) return;
    this.#isShowing = true;
    try {
      while (this.#isDue && !this.#shown.end.signal.aborted) {
        this.#isDue = false;
        await this.#showOnce();
      }
    } catch (error) {
      this.#shown.end.abort(error);
    } finally {
      this.#isShowing = false;
    }
  }

  async #showOnce(): Promise<void> {
    if (this.#view === undefined) return;
    const { display, name } = this.#shown;
    const { connection, sightAt } = this.#view;
    const { coordinator, zookeeperBasePath: seed, zookeeperServers } = this.#context.config;
    const now = systemClock.now();
    // What is not known any more does not grow older.
    const picturedAt = connection.state === 'lost' ? connection.since : now;
    const wall = systemClock.wall() - (now - picturedAt);
    const servers = coordinator === 'local' ? [] : formatServers(zookeeperServers).split(',');
    const scene = { coordinator, name, servers, connection, picturedAt };
    if (sightAt === undefined) return display.show({ ...scene, picture: undefined, notes: this.#servers });
    const { report, register, deserted } = sightAt({ now: picturedAt, wall });
    const picture = await pictureOf(report, register, { now: systemClock.wall(), seed });
    const missing = deserted?.exists === false && `there is no ${deserted.carrier} ${name} yet: it is waited for`;
    const nobody = missing === false ? notesOnNobody(deserted) : [missing];
    const { unreadable } = picture;
    const ledger = unreadable && `the ledger of runs cannot be read: ${unreadable.why}: ${unreadable.excerpt}`;
    const notes = [...nobody, ...(ledger === undefined ? [] : [ledger]), ...this.#servers];
    display.show({ ...scene, picture, notes });
    this.#armNext(picture, connection.state === 'connected' ? picturedAt : undefined);
  }

  /** The lease runs out, and the next tick passes, without a word of anybody. */
  #armNext({ election, schedule }: Picture, current: number | undefined): void {
    this.#cancel();
    const { expiresIn } = election.lease ?? {};
    const expiry = current === undefined || expiresIn === undefined || expiresIn <= 0 ? Infinity : current + expiresIn;
    const wall = systemClock.wall();
    const tick = schedule?.nextTick === undefined ? NaN : Date.parse(schedule.nextTick);
    const passed = tick > wall ? systemClock.now() + tick - wall : Infinity;
    const at = Math.min(expiry, passed) + 1;
    if (at !== Infinity && !this.#shown.end.signal.aborted) this.#cancel = systemClock.at(at, () => void this.#show());
  }
}
