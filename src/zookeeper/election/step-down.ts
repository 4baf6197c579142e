/**
 * A request to step down, in `<base>/step-down`. It names the term that is to end, so that it means nothing to a later
 * leader, whenever it is written or read. The znode is not one of the queue: Go's ballot takes every child of the base
 * path for a candidate, and this name sorts behind all proposals.
 */
import { sleep, type Clock } from '../../clock.ts';
import { describe } from '../../errors.ts';
import { type Forms, parseObject, plain, readFields, writtenFields } from '../../json-fields.ts';
import type { Logger } from '../../log/logger.ts';
import { SessionEndedError, unlessMissing } from '../session/errors.ts';
import { firing, firstOf } from './firing.ts';
import { RETRY_PAUSE_MS, SESSION_PAUSE_MS } from './options.ts';
import type { Place } from './proposal.ts';
import { childPath } from './queue.ts';

/** Data of the znode. */
export interface StepDownRequest {
  /** The term that is asked to end. */
  readonly fencingToken: number;
  /** Who asks, in words. */
  readonly by: string;
  /** Go's `Time.String()` text, by the clock of the one who asks. For people. */
  readonly time: string;
}

const isText = plain('a string', (value) => typeof value === 'string');

const FIELDS: Forms = { fencingToken: plain('a whole number', Number.isSafeInteger), by: isText, time: isText };

/** Where requests to step down are written. */
export function stepDownPath(basePath: string): string {
  return childPath(basePath, 'step-down');
}

/** Understands the znode's data; `undefined` when it holds no request. Never throws. */
export function parseStepDown(data: Buffer): StepDownRequest | undefined {
  const json = parseObject(data);
  const fields = typeof json === 'string' ? json : readFields(json, FIELDS, ['fencingToken', 'by', 'time']);
  return typeof fields === 'string' ? undefined : (fields as unknown as StepDownRequest);
}

/** The bytes of a request. */
export function encodeStepDown(request: StepDownRequest): Buffer {
  return Buffer.from(JSON.stringify(writtenFields(request, FIELDS)), 'utf8');
}

/** The leader that listens. */
export interface Listener {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly basePath: string;
  /** The term's number. */
  readonly fencingToken: number;
  /** The present place in the queue: it moves with the session. */
  readonly place: () => Place;
}

/**
 * Resolves with the first request that names this term. One read and one watch while all is well; the watch of a
 * connection that broke is set again. `undefined`: requests cannot be read here. Throws the signal's reason alone.
 */
export async function stepDownAsked(listener: Listener, signal: AbortSignal): Promise<StepDownRequest | undefined> {
  for (;;) {
    try {
      const request = await nextRequest(listener, signal);
      if (request?.fencingToken === listener.fencingToken) return request;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SessionEndedError)) {
        const basePath = listener.basePath;
        listener.logger.warn('requests to step down cannot be read: this leader does not hear them', {
          znode: stepDownPath(basePath),
          why: describe(error),
        });
        return undefined;
      }
      await sleep(listener.clock, SESSION_PAUSE_MS, signal);
    }
  }
}

/** Reads the request. Another one than that of this term is watched until it changes. */
async function nextRequest(listener: Listener, signal: AbortSignal): Promise<StepDownRequest | undefined> {
  const place = listener.place();
  const path = stepDownPath(listener.basePath);
  const found = await place.ask(signal, (o) => place.session.getWatched(path, o)).catch(unlessMissing);
  if (found === undefined) return makeZNode(listener, place, path, signal);
  try {
    const request = parseStepDown(found.node.data);
    if (request?.fencingToken === listener.fencingToken) return request;
    await firstOf(listener.clock, [firing(found.watch)], signal);
    return undefined;
  } finally {
    found.watch.cancel();
  }
}

/** The first leader of an election makes the znode: only one that exists can be watched for its data. */
async function makeZNode({ clock }: Listener, place: Place, path: string, signal: AbortSignal): Promise<undefined> {
  // Without a base path the lease is lost, and so is this term: that is noticed elsewhere.
  if ((await place.make(path, signal).catch(unlessMissing)) !== true) await sleep(clock, RETRY_PAUSE_MS, signal);
}
