import { afterEach, describe, expect, it } from 'vitest';
import { type Ensemble, startZooKeeper, type ZooKeeperOptions } from '../../support/zookeeper.ts';

let ensemble: Ensemble | undefined;
afterEach(() => ensemble?.close());

async function start(options?: ZooKeeperOptions): Promise<Ensemble> {
  return (ensemble = await startZooKeeper(options));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startZooKeeper', () => {
  it('starts one server that can be killed, restarted and frozen, and leaves no process behind', async () => {
    const { server } = await start();
    expect(await server.mode()).toBe('standalone');
    const first = server.pid as number;
    await server.stop();
    expect(isAlive(first)).toBe(false);
    expect(await server.mode()).toBeUndefined();

    await server.restart();
    expect(await server.mode()).toBe('standalone');
    server.pause();
    await expect(server.ask('srvr', 200)).rejects.toThrow(/no answer to srvr/);
    server.resume();
    expect(await server.mode()).toBe('standalone');

    const last = server.pid as number;
    await ensemble?.close();
    expect(isAlive(last)).toBe(false);
  });

  it('starts three members that elect another leader when theirs is killed', async () => {
    const three = await start({ members: 3 });
    expect(three.connectString.split(',')).toHaveLength(3);
    const leader = await three.leader();
    await leader.stop();
    const next = await three.leader();
    expect(next.port).not.toBe(leader.port);
    await leader.restart();
    expect(await leader.mode()).toBe('follower');
  });

  it('counts what clients have sent, not its own questions', async () => {
    const { server } = await start();
    const before = await server.received();
    expect(await server.received()).toBe(before);
    await server.ask('srvr');
    expect(await server.received()).toBe(before + 1);
  });

  it('says why a server did not start', async () => {
    await expect(start({ config: { tickTime: 'soon' } })).rejects.toThrow(/ended; its log ends:[^]*soon/);
  });
});
