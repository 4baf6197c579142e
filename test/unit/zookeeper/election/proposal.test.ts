import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { ElectionOptions } from '../../../../src/zookeeper/election/options.ts';
import { Place } from '../../../../src/zookeeper/election/proposal.ts';
import { OutcomeUnknownError } from '../../../../src/election/errors.ts';
import type { RequestOptions } from '../../../../src/election/register.ts';
import type { Session } from '../../../../src/zookeeper/session/port.ts';
import type { Stat } from '../../../../src/keeper/protocol.ts';
import { Requests } from '../../../../src/zookeeper/session/requests.ts';
import type { Operation } from '../../../../src/keeper/protocol.ts';

const BASE = '/election';
const nameOf = (index: number): string => `proposal-${String(index).padStart(10, '0')}`;

/** A session in a queue with others, whose requests are the real ones; each is answered a turn later. */
class QueueSession {
  readonly id = '1';
  readonly timeout = 60_000;
  readonly contact = { up: true, since: 0, address: 'here' };
  readonly ended = new AbortController().signal;
  readonly asked: string[] = [];
  /** Of those that were under way at once. */
  most = 0;
  listeners = 0;
  readonly #requests = new Requests(systemClock);
  readonly #owners: string[];
  /** What becomes of the creations to come, in order; after that all is well. */
  readonly #fates: ('lost' | 'applied, reply lost')[];
  #under = 0;

  constructor(others: number, fates: ('lost' | 'applied, reply lost')[]) {
    this.#owners = Array.from({ length: others }, () => 'another');
    this.#fates = [...fates];
    this.#requests.resume({ send: (id, request) => setImmediate(() => this.#answer(id, request)) });
  }

  get own(): string[] {
    return this.#owners.flatMap((owner, index) => (owner === this.id ? [nameOf(index)] : []));
  }

  onContact = (): (() => void) => () => undefined;

  create(path: string, _data: Buffer, _mode: string, _options: RequestOptions): Promise<string> {
    const fate = this.#fates.shift();
    if (fate !== 'lost') this.#owners.push(this.id);
    if (fate !== undefined) return Promise.reject(new OutcomeUnknownError('create', path, 'the reply was lost'));
    return Promise.resolve(`${BASE}/${nameOf(this.#owners.length - 1)}`);
  }

  children(path: string, options: RequestOptions): Promise<string[]> {
    return this.#requests.ask({ op: 'children', path, watch: false }, options, ({ children }) => [...(children ?? [])]);
  }

  exists(path: string, options: RequestOptions): Promise<Stat | undefined> {
    this.asked.push(path.slice(BASE.length + 1));
    this.most = Math.max(this.most, ++this.#under);
    const answered = this.#requests.ask({ op: 'exists', path, watch: false }, options, ({ stat }) => stat);
    if (options.signal) this.listeners = Math.max(this.listeners, getEventListeners(options.signal, 'abort').length);
    return answered.finally(() => this.#under--);
  }

  delete(path: string): Promise<void> {
    this.#owners[Number(path.slice(-10))] = 'nobody';
    return Promise.resolve();
  }

  #answer(id: number, { op, path }: Operation): void {
    const names = this.#owners.flatMap((owner, index) => (owner === 'nobody' ? [] : [nameOf(index)]));
    const stat = { ephemeralOwner: this.#owners[Number(path.slice(-10))] } as Stat;
    this.#requests.answer({
      kind: 'answer',
      id,
      rc: 0,
      sent: true,
      ...(op === 'children' ? { children: names } : { stat }),
    });
  }
}

function place(session: QueueSession): Place {
  const options = {
    clock: systemClock,
    basePath: BASE,
    candidate: { candidateId: 'a', hostname: 'a', pid: '1' },
    sessionTimeout: 60_000,
    stop: { onLeaseLoss: 'keep' },
  };
  return new Place(session as unknown as Session, options as unknown as ElectionOptions, true);
}

const never = new AbortController().signal;

describe('a proposal whose creation is in doubt', () => {
  it('is found by one question, the last in a long queue', async () => {
    const session = new QueueSession(200, ['applied, reply lost']);
    const standing = place(session);
    await standing.propose(never);
    expect(standing.proposal).toBe(nameOf(200));
    expect(session.asked).toEqual([nameOf(200)]);
  });

  it('is looked for by one request at a time, so that no signal has more listeners than requests', async () => {
    const session = new QueueSession(30, ['lost']);
    const standing = place(session);
    await standing.propose(new AbortController().signal);
    expect(standing.proposal).toBe(nameOf(30));
    expect(session.most).toBe(1);
    expect(session.listeners).toBe(1);
    // Twice: before the second creation, and after it, for one that had been on its way all the while.
    expect(session.asked).toHaveLength(30 + 31);
  });

  it('leaves no ghost: of several that may exist all but the oldest are deleted', async () => {
    const session = new QueueSession(20, ['lost', 'applied, reply lost']);
    const standing = place(session);
    await standing.propose(never);
    expect(session.own).toEqual([standing.proposal]);
    await standing.abandon(never);
    expect(session.own).toEqual([]);
  });
});
