import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/zookeeper/session/port.ts';
import { follow, type View } from '../../src/zookeeper/report/follow.ts';
import { encodeLease, encodeProposal, formatGoTime } from '../../src/zookeeper/election/record.ts';
import { ensembles, type EnsembleWorld } from './ensembles.ts';
import { rejection } from './stage.ts';

const O = { timeout: 2000 };
const BASE = '/a/election';
const EMPTY = Buffer.alloc(0);

/** How long something is waited for, ms of the world's time. */
const PATIENCE_MS = 60_000;

const record = (candidateId: string) => ({
  candidateId,
  hostname: 'host',
  pid: '7',
  proposalTime: formatGoTime(0),
  sessionTimeout: '60s',
});

describe.each(ensembles)('an election that is followed on %s', (_name, start) => {
  let world: EnsembleWorld;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());
  afterEach(async () => {
    await world.restore();
    for (const end of ends.splice(0)) await world.settle(end());
    await world.reset();
  });

  const open = async (): Promise<Session> => {
    const session = await world.settle(world.host('writer', 1500).sessions.open({ timeout: 8000 }));
    ends.push(() => session.close(500));
    return session;
  };

  /** What is told of the election, the newest last. */
  const followed = (sessionTimeout = 1500): View[] => {
    const views: View[] = [];
    const end = new AbortController();
    const { clock, sessions } = world.host('follower', sessionTimeout);
    const told = (view: View): void => void views.push(view);
    const over = rejection(follow({ sessions, clock, basePath: BASE, register: 'runs', signal: end.signal, told }));
    ends.push(() => {
      end.abort(new Error('enough'));
      return over;
    });
    return views;
  };

  const until = async (views: readonly View[], wanted: (view: View) => boolean): Promise<View> => {
    for (let left = PATIENCE_MS; left > 0; left -= 20) {
      const view = views.at(-1);
      if (view !== undefined && wanted(view)) return view;
      await world.pass(20);
    }
    throw new Error(`not seen: ${wanted.toString()}; told at last: ${JSON.stringify(views.at(-1))}`);
  };

  const make = (session: Session, path: string, data = EMPTY) =>
    world.settle(session.create(path, data, 'persistent', O));
  const stand = (session: Session, candidateId: string) =>
    world.settle(session.create(`${BASE}/proposal-`, encodeProposal(record(candidateId)), 'ephemeral-sequential', O));
  const isConnected = ({ connection }: View): boolean => connection.state === 'connected';
  const ids = ({ sight }: View): string[] =>
    (sight?.proposals ?? []).map(({ node }) => /"candidateId":"(.*?)"/.exec(String(node?.data))?.[1] ?? '');

  it('is waited for, with its parents, and seen as it begins', async () => {
    const [session, views] = [await open(), followed()];
    expect((await until(views, isConnected)).sight).toMatchObject({ base: undefined, proposals: [], register: EMPTY });
    await make(session, '/a');
    await make(session, BASE);
    await until(views, ({ sight }) => sight?.base !== undefined);
    await stand(session, 'x');
    await until(views, (view) => ids(view).join() === 'x');
    await make(session, `${BASE}/runs`, Buffer.from('1'));
    await until(views, ({ sight }) => String(sight?.register) === '1');
    await world.settle(session.set(`${BASE}/runs`, Buffer.from('2'), -1, O));
    await until(views, ({ sight }) => String(sight?.register) === '2');
    await make(session, `${BASE}/foreign`);
    await stand(session, 'y');
    await until(views, (view) => ids(view).join() === 'x,y');
  });

  it('is read anew when it is wiped and made again, whatever its znodes are called', async () => {
    const session = await open();
    await make(session, '/a');
    await make(session, BASE);
    const first = await stand(session, 'x');
    const views = followed();
    await until(views, (view) => ids(view).join() === 'x');
    await world.settle(session.delete(first, -1, O));
    await world.settle(session.delete(BASE, -1, O));
    await make(session, BASE);
    expect(await stand(session, 'y')).toBe(first);
    await until(views, (view) => ids(view).join() === 'y');
    await world.settle(session.delete(first, -1, O));
    await world.settle(session.delete(BASE, -1, O));
    await until(views, ({ sight }) => sight?.base === undefined);
  });

  it('tells the clock of the ensemble by a heartbeat, and reads many changes together', async () => {
    const session = await open();
    await make(session, '/a');
    await make(session, BASE);
    const views = followed();
    const before = await until(views, isConnected);
    expect(before.sight?.ensembleClock).toBeUndefined();
    const { mtime } = await world.settle(session.set(BASE, Buffer.from('{}'), -1, O));
    const { sight } = await until(views, (view) => view.sight?.ensembleClock !== undefined);
    expect(sight?.base?.stat.mtime).toBe(mtime);
    // What the ensemble's clock said when the watch fired.
    expect(mtime - (sight?.ensembleClock ?? 0)).toBeCloseTo(sight?.unchangedSince ?? 0, 1);
    const { clock } = world.host('clock', 1500);
    const [told, from] = [views.length, clock.now()];
    for (let round = 0; round < 200; round++) await world.settle(session.set(BASE, Buffer.from(`${round}`), -1, O));
    await until(views, (view) => String(view.sight?.base?.data) === '199');
    expect(views.length - told).toBeLessThanOrEqual((clock.now() - from) / 100 + 2);
  });

  it('in doubt about its leader waits for a heartbeat, and tells in the end without', async () => {
    const session = await open();
    await make(session, '/a');
    const times = { proposalTime: formatGoTime(0), lastSeenTime: formatGoTime(0), sessionTimeout: '1s' };
    await make(session, BASE);
    const proposalNode = await stand(session, 'x');
    await world.settle(session.set(BASE, encodeLease({ ...record('x'), ...times, proposalNode }), -1, O));
    await world.pass(1000);
    const { clock } = world.host('clock', 1500);
    const from = clock.now();
    const views = followed();
    await until(views, isConnected);
    expect(clock.now() - from).toBeGreaterThanOrEqual(600);
    expect(views.filter(({ sight }) => sight !== undefined)[0]?.sight?.ensembleClock).toBeUndefined();
  });

  it.each([
    ['is over, and what was seen stays', false],
    ['took all data with it', true],
  ])('goes on after an outage that %s', async (_, wiped) => {
    const session = await open();
    await make(session, '/a');
    await make(session, BASE, Buffer.from('{}'));
    const views = followed();
    await until(views, isConnected);
    await world.goDown();
    const lost = await until(views, ({ connection }) => connection.state === 'lost');
    expect(String(lost.sight?.base?.data)).toBe('{}');
    await world.pass(3000);
    expect(views.at(-1)?.connection).toMatchObject({ state: 'lost', since: lost.connection.since });
    await world.comeBack({ wiped });
    const back = await until(views, isConnected);
    expect(back.connection.since).toBeGreaterThan(lost.connection.since);
    expect(back.sight?.base === undefined).toBe(wiped);
    // The first one may have expired.
    const writer = await open();
    if (wiped) {
      await make(writer, '/a');
      await make(writer, BASE);
    }
    await world.settle(writer.set(BASE, Buffer.from('[]'), -1, { timeout: 20_000 }));
    await until(views, ({ sight }) => String(sight?.base?.data) === '[]');
  });

  it('says that nobody answers, when that is so from the beginning, and waits', async () => {
    await world.goDown();
    const views = followed();
    const view = await until(views, () => true);
    expect(view).toMatchObject({ connection: { state: 'connecting' }, sight: undefined });
    expect((view.connection as { readonly why?: string }).why).toMatch(/no ZooKeeper server granted a session/);
    await world.comeBack();
    await until(views, isConnected);
  });
});
