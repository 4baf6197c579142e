/**
 * `zookeeper-acl: creator`: the znodes of an election are for one identity alone. The base path comes first. ZooKeeper
 * asks the ACL of the parent whether a proposal may be made or deleted, so nothing is made below a path that lets
 * others in. A path that was open is closed. One of somebody else's is none to stand in.
 */
import { AuthenticationError, RefusedError } from '../../errors.ts';
import type { RequestOptions } from '../../election/register.ts';
import type { Admission } from '../session/access.ts';
import { unlessMissing } from '../session/errors.ts';
import type { Session } from '../session/port.ts';
import { type ElectionOptions, untilAnswered } from './options.ts';
import { isProposal } from './queue.ts';

/** Keeps strangers out of the election of one session. Without `zookeeper-acl: creator` it does nothing. */
export class Restriction {
  readonly #session: Session;
  readonly #options: ElectionOptions;
  /** What ballot keeps below the base path, but for proposals, was looked at. */
  #knowsChildren = false;
  #hasWarned = false;

  constructor(session: Session, options: ElectionOptions) {
    this.#session = session;
    this.#options = options;
  }

  /**
   * To be awaited before a proposal is made. What is not there is left to its creation. Throws AuthenticationError when
   * the base path, or a znode that ballot keeps below it, is somebody else's.
   */
  async impose(signal: AbortSignal): Promise<void> {
    if (!this.#session.isPrivate) return;
    const { basePath, logger } = this.#options;
    const before = await this.#restrict(basePath, signal);
    if (before === undefined) return;
    const below = await this.#restrictChildren(signal);
    const closed = before.isOpen ? [basePath, ...below] : below;
    if (closed.length > 0)
      logger.warn('znodes of the election were open to others: from now on they are for this identity alone', {
        znodes: closed.join(', '),
        identity: this.#session.identity,
      });
    if (!before.isOpen && before.others.length > 0) this.#warnOf(before.others);
  }

  /** For a znode of the election that is there, by whomever it was made. Throws AuthenticationError. */
  async restrict(path: string, signal: AbortSignal): Promise<void> {
    if (this.#session.isPrivate) await this.#restrict(path, signal);
  }

  #warnOf(others: readonly string[]): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { basePath, logger } = this.#options;
    logger.warn(
      'the ACL of the base path lets other identities in as well, as somebody has set it; it stays as it is',
      {
        basePath,
        others: others.join(', '),
      },
    );
  }

  /** Once a session. Returns those that were open. */
  async #restrictChildren(signal: AbortSignal): Promise<string[]> {
    if (this.#knowsChildren) return [];
    const { basePath } = this.#options;
    const children = await this.#ask(signal, (o) => this.#session.children(basePath, o));
    const kept = (children ?? []).filter((name) => !isProposal(name)).map((name) => `${basePath}/${name}`);
    const closed: string[] = [];
    for (const path of kept) if ((await this.#restrict(path, signal))?.isOpen === true) closed.push(path);
    this.#knowsChildren = true;
    return closed;
  }

  /** Whom it let in before; `undefined`: there is no such znode. */
  async #restrict(path: string, signal: AbortSignal): Promise<Admission | undefined> {
    let before: Admission | undefined;
    try {
      before = await this.#ask(signal, (o) => this.#session.admission(path, o));
      if (before?.isOpen === true) await this.#ask(signal, (o) => this.#session.restrict(path, o));
    } catch (error) {
      throw error instanceof RefusedError ? this.#foreign(path, before, error) : error;
    }
    if (before !== undefined && !before.isOpen && !before.self) throw this.#foreign(path, before);
    return before;
  }

  #foreign(path: string, found: Admission | undefined, cause?: RefusedError): AuthenticationError {
    const whose = found === undefined || found.others.length === 0 ? '' : ` (${found.others.join(', ')})`;
    const lacks = `its ACL does not give all rights to ${this.#session.identity}`;
    return new AuthenticationError(`${path} belongs to somebody else${whose}: ${lacks}`, {
      cause,
      hint: 'check zookeeper-auth, choose another zookeeper-base-path, or let its owner change its ACL (setAcl)',
    });
  }

  #ask<T>(signal: AbortSignal, request: (options: RequestOptions) => Promise<T>): Promise<T | undefined> {
    return untilAnswered(this.#options.clock, this.#session, signal, request).catch(unlessMissing);
  }
}
