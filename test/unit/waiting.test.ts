import { describe, expect, it } from 'vitest';
import { untilAborted, within } from '../../src/waiting.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A promise, and who settles it. */
function pending() {
  let settle: { resolve: (value: string) => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<string>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...(settle as NonNullable<typeof settle>) };
}

function world() {
  const clock = new VirtualClock(1);
  return { clock, process: clock.process() };
}

const late = (): Error => new Error('too late');

describe('a wait', () => {
  it('settles as its promise does', async () => {
    const { process } = world();
    await expect(within(process, Promise.resolve('done'), { at: 1000, late })).resolves.toBe('done');
    await expect(within(process, Promise.reject(new Error('refused')), { at: 1000, late })).rejects.toThrow('refused');
  });

  it('is over at its deadline', async () => {
    const { clock, process } = world();
    const outcome = within(process, pending().promise, { at: process.now() + 1000, late }).catch(String);
    await clock.run(clock.time + 5000);
    expect(await outcome).toBe('Error: too late');
  });

  it('is over when it is aborted, at once or later', async () => {
    const { process } = world();
    const controller = new AbortController();
    const outcome = within(process, pending().promise, { signal: controller.signal });
    controller.abort(new Error('called off'));
    await expect(outcome).rejects.toThrow('called off');
    await expect(within(process, Promise.resolve('done'), { signal: controller.signal })).rejects.toThrow('called off');
  });

  it('leaves nothing of a promise that fails afterwards', async () => {
    const { process } = world();
    const { promise, reject } = pending();
    const controller = new AbortController();
    const outcome = within(process, promise, { signal: controller.signal });
    controller.abort(new Error('called off'));
    await expect(outcome).rejects.toThrow('called off');
    reject(new Error('nobody waits for this'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('an abort', () => {
  it('is waited for, also when it has come already', async () => {
    const controller = new AbortController();
    const waiting = untilAborted(controller.signal);
    controller.abort();
    await expect(waiting).resolves.toBeUndefined();
    await expect(untilAborted(controller.signal)).resolves.toBeUndefined();
  });
});
