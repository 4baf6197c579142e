import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../../src/clock.ts';
import { Addresses } from '../../../../src/zookeeper/session/addresses.ts';

const forever = new AbortController().signal;
const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '::1'];
const servers = hosts.map((host) => ({ host, port: 2181 }));

/** The system's clock with dice that fall as told. */
const withDice = (...dice: number[]): Clock => ({ ...systemClock, random: () => dice.shift() ?? 0 });

async function take(addresses: Addresses, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push((await addresses.next(forever)).name);
  return names;
}

describe('the addresses of an ensemble', () => {
  it('come in a fixed order, round after round, each once a round', async () => {
    const addresses = new Addresses(servers, withDice(0.9, 0.1, 0.5));
    const [first, second] = [await take(addresses, 4), await take(addresses, 4)];
    expect(second).toEqual(first);
    expect([...first].sort()).toEqual(['10.0.0.1:2181', '10.0.0.2:2181', '10.0.0.3:2181', '[::1]:2181']);
    expect(addresses.size).toBe(4);
  });

  it('start at another place in another process', async () => {
    const starts = await Promise.all(
      Array.from({ length: 40 }, async () => (await take(new Addresses(servers, systemClock), 1))[0]),
    );
    expect(new Set(starts).size).toBeGreaterThan(1);
  });

  it('name a host that cannot be resolved, in its turn', async () => {
    const odd = { host: 'no-such-host.invalid', port: 2182 };
    const addresses = new Addresses([odd, { host: '127.0.0.1', port: 2181 }], systemClock);
    const turns = [await addresses.next(forever), await addresses.next(forever)];
    const problem = turns.find(({ name }) => name === 'no-such-host.invalid:2182');
    expect(problem).toMatchObject({ problem: expect.stringMatching(/^the host name cannot be resolved \(/) });
  });

  it('end with the reason of the signal', async () => {
    const addresses = new Addresses(servers, systemClock);
    await expect(addresses.next(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});
