import { sleep } from '../../clock.ts';
import { unlessMissing } from '../session/errors.ts';
import { NotSentError, OutcomeUnknownError } from '../../election/errors.ts';
import type { Register, RegisterState, RequestOptions } from '../../election/register.ts';
import type { Session, ZNode } from '../session/port.ts';
import type { Stat } from '../../keeper/protocol.ts';
import { RETRY_PAUSE_MS, SESSION_PAUSE_MS, type ElectionOptions } from './options.ts';
import type { Place } from './proposal.ts';
import { childPath } from './queue.ts';

/** A znode under the base path, by whatever session the candidate has at the time. */
export class ElectionRegister implements Register {
  readonly #options: ElectionOptions;
  readonly #path: string;
  readonly #living: () => Place | undefined;
  /** The session that read the znode. An ensemble without its data counts versions anew, and has lost all sessions. */
  #reader: Session | undefined;
  /** The birth of the znode that was read. A znode made anew has the same versions again. */
  #birth: string | undefined;

  /** `living`: the candidate's present place, if its session has not ended. */
  constructor(options: ElectionOptions, name: string, living: () => Place | undefined) {
    this.#options = options;
    this.#path = childPath(options.basePath, name);
    this.#living = living;
  }

  async read(signal: AbortSignal): Promise<RegisterState> {
    const { clock } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const place = this.#living();
      if (place === undefined) {
        await sleep(clock, SESSION_PAUSE_MS, signal);
        continue;
      }
      const node = await this.#read(place, signal);
      if (node !== undefined) {
        this.#reader = place.session;
        const { version, mzxid } = node.stat;
        this.#birth = birthOf(node.stat);
        return { data: node.data, version, stamp: mzxid, birth: this.#birth };
      }
      // The znode exists now. A server that lags behind may still say that there is none.
      await sleep(clock, RETRY_PAUSE_MS, signal);
    }
  }

  /** `undefined`: there was none, and it has been made. */
  async #read(place: Place, signal: AbortSignal): Promise<ZNode | undefined> {
    const { session } = place;
    const node = await place.ask(signal, (o) => session.get(this.#path, o)).catch(unlessMissing);
    if (node !== undefined) return node;
    const made = await place.make(this.#path, signal).catch(unlessMissing);
    if (made === undefined) await place.ensureBasePath(signal);
    return undefined;
  }

  async write(data: Buffer, version: number, options: RequestOptions): Promise<number> {
    const session = this.#living()?.session;
    if (session === undefined) throw new NotSentError('set', this.#path, 'no session');
    if (session !== this.#reader) throw new NotSentError('set', this.#path, 'it was read with another session');
    const stat = await session.set(this.#path, data, version, options);
    if (birthOf(stat) === this.#birth) return stat.version;
    throw new OutcomeUnknownError('set', this.#path, 'the znode was deleted and made anew since it was read');
  }
}

const birthOf = ({ czxid, ctime }: Stat): string => `${czxid} at ${ctime}`;
