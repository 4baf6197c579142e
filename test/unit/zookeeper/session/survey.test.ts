import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../../src/clock.ts';
import { probe, type Prober } from '../../../../src/zookeeper/session/addresses.ts';
import { ServerSurvey } from '../../../../src/zookeeper/session/survey.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { freePorts } from '../../../support/ports.ts';

const listening: Server[] = [];
afterEach(async () => {
  await Promise.all(listening.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A server that answers every word with `status`; without it, it is silent. */
async function listen(status?: string, port = 0): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    if (status !== undefined) socket.end(status);
  });
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const OK = 'Zookeeper version: 3.8.0\nMode: follower\n';
const REFUSED = 'connection refused';

/** The system's clock, but nobody waits for longer than the deadline of a request; `onPause` is called instead. */
function hurried(onPause: () => Promise<unknown> = () => Promise.resolve()): Clock {
  const at: Clock['at'] = (when, callback) => {
    if (when - systemClock.now() < 5_000) return systemClock.at(when, callback);
    void (async () => {
      await onPause();
      callback();
    })();
    return () => undefined;
  };
  return { ...systemClock, at };
}

async function warned(
  ports: readonly number[],
  clock = hurried(),
  times = 1,
  ask: Prober['probe'] = probe,
): Promise<object[]> {
  const lines: object[] = [];
  const logger = { ...silentLogger, warn: (_: string, fields?: object) => void lines.push(fields ?? {}) };
  const servers = ports.map((port) => ({ host: '127.0.0.1', port }));
  const survey = new ServerSurvey(servers, clock, logger, ask);
  for (let time = 0; time < times; time += 1) await survey.look(new AbortController().signal);
  return lines;
}

describe('of several servers', () => {
  it('one that never answers is warned of, once', async () => {
    const [dead] = (await freePorts(1)) as [number];
    const found = await warned([await listen(OK), dead, await listen(OK)], hurried(), 2);
    expect(found).toEqual([{ address: `127.0.0.1:${dead}`, why: REFUSED }]);
  });

  it('one whose certificate is not accepted is', async () => {
    const ask: Prober['probe'] = ({ port }) =>
      Promise.resolve(port === 2 ? { refusal: 'its certificate CN=zk2 expired', by: 'client' } : undefined);
    expect(await warned([1, 2, 3], hurried(), 1, ask)).toEqual([
      { address: '127.0.0.1:2', why: 'its certificate CN=zk2 expired' },
    ]);
  });

  it('one that has no quorum is', async () => {
    const alone = await listen('This ZooKeeper instance is not currently serving requests\n');
    expect(await warned([await listen(OK), alone])).toMatchObject([{ why: expect.stringContaining('no quorum') }]);
  });

  it('one that is back at the second look is not, nor one that does not know the question', async () => {
    const [restarted] = (await freePorts(1)) as [number];
    const pauses: (() => Promise<unknown>)[] = [() => Promise.resolve(), () => listen(OK, restarted)];
    const clock = hurried(() => pauses.shift()?.() ?? Promise.resolve());
    expect(await warned([await listen(OK), restarted, await listen(), await listen('')], clock)).toEqual([]);
    expect(pauses).toEqual([]);
  });

  it('all that are away together are not', async () => {
    expect(await warned(await freePorts(3))).toEqual([]);
  });
});

describe('a survey', () => {
  it('ends with its signal, and asks nothing of a single server', async () => {
    const [dead] = (await freePorts(1)) as [number];
    const servers = [1, 2].map(() => ({ host: '127.0.0.1', port: dead }));
    const survey = new ServerSurvey(servers, systemClock, silentLogger, probe);
    await expect(survey.look(AbortSignal.abort(new Error('the session is over')))).resolves.toBeUndefined();
    expect(await warned([dead])).toEqual([]);
  });
});
