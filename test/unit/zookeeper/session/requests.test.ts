import { describe, expect, it } from 'vitest';
import { NoNodeError, SessionEndedError } from '../../../../src/zookeeper/session/errors.ts';
import { NotSentError, OutcomeUnknownError } from '../../../../src/election/errors.ts';
import type { Answer, Operation } from '../../../../src/keeper/protocol.ts';
import { Requests } from '../../../../src/zookeeper/session/requests.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const read = (path: string): Operation => ({ op: 'exists', path, watch: false });
const ok = (id: number): Answer => ({ kind: 'answer', id, rc: 0, sent: true });

function setUp() {
  const time = new VirtualClock(1);
  const requests = new Requests(time.process());
  const sent: [number, string][] = [];
  const carrier = { send: (id: number, { path }: Operation): void => void sent.push([id, path]) };
  const ask = (path: string, timeout = 100, signal?: AbortSignal): Promise<string> =>
    requests.ask(read(path), signal ? { timeout, signal } : { timeout }, () => `answer to ${path}`);
  return { time, requests, sent, carrier, ask };
}

/** What it rejects with. */
const failure = (request: Promise<string>): Promise<unknown> => request.catch((error: unknown) => error);

describe('requests', () => {
  it('go out in the order of calls, at once with contact, at its return without', async () => {
    const { requests, sent, carrier, ask } = setUp();
    const waiting = [ask('/1'), ask('/2')];
    expect(sent).toEqual([]);
    requests.resume(carrier);
    waiting.push(ask('/3'));
    expect(sent).toEqual([
      [1, '/1'],
      [2, '/2'],
      [3, '/3'],
    ]);
    for (const [id] of sent) requests.answer(ok(id));
    expect(await Promise.all(waiting)).toEqual(['answer to /1', 'answer to /2', 'answer to /3']);
  });

  it('end with the outcome unknown when contact is lost after they were sent; those that were not wait on', async () => {
    const { requests, sent, carrier, ask } = setUp();
    requests.resume(carrier);
    const gone = ask('/gone');
    requests.interrupt('the keeper died');
    const waits = ask('/waits');
    await expect(gone).rejects.toThrow(OutcomeUnknownError);
    await expect(gone).rejects.toThrow('exists /gone: outcome unknown (the keeper died)');
    requests.resume(carrier);
    expect(sent.map(([, path]) => path)).toEqual(['/gone', '/waits']);
    requests.answer(ok(1)); // too late: nobody asks any more
    requests.answer(ok(2));
    expect(await waits).toBe('answer to /waits');
  });

  it('have a deadline: unknown when sent, not sent otherwise, and then never', async () => {
    const { time, requests, sent, carrier, ask } = setUp();
    const never = failure(ask('/never', 50));
    await time.run(60);
    expect(await never).toBeInstanceOf(NotSentError);
    requests.resume(carrier);
    expect(sent).toEqual([]);
    const silent = failure(ask('/silent', 50));
    await time.run(120);
    expect(await silent).toBeInstanceOf(OutcomeUnknownError);
  });

  it('end with the reason of their signal, before and after they were sent', async () => {
    const { requests, sent, carrier, ask } = setUp();
    const stop = new AbortController();
    const waiting = ask('/waiting', 100, stop.signal);
    stop.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    await expect(ask('/late', 100, stop.signal)).rejects.toThrow('stop');
    requests.resume(carrier);
    expect(sent).toEqual([]);
  });

  it('end with the session: unknown when sent, with the end of the session otherwise', async () => {
    const { requests, carrier, ask } = setUp();
    requests.resume(carrier);
    const sent = failure(ask('/sent'));
    requests.interrupt('cut');
    const waiting = failure(ask('/waiting'));
    requests.end(new SessionEndedError('expired'));
    expect(await sent).toBeInstanceOf(OutcomeUnknownError);
    expect(await waiting).toBeInstanceOf(SessionEndedError);
  });

  it.each([
    [-101, true, NoNodeError],
    [-4, true, OutcomeUnknownError],
    [-7, true, OutcomeUnknownError],
    [-112, true, OutcomeUnknownError],
    [-116, true, OutcomeUnknownError],
    [-9999, true, OutcomeUnknownError],
    [-9, false, NotSentError],
  ])('that end with result code %i (taken by the client: %s) throw what it means', async (rc, taken, type) => {
    const { requests, carrier, ask } = setUp();
    requests.resume(carrier);
    const request = ask('/a');
    requests.answer({ kind: 'answer', id: 1, rc, sent: taken });
    await expect(request).rejects.toThrow(type);
  });
});
