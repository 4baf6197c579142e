/**
 * A latch: this program waits until it leads, does its work, and leaves. Start it in several terminals: one works, the
 * others wait, and the next one begins when that one has ended, however it has.
 *
 *     ZOOKEEPER=localhost:2181 node examples/latch/main.mjs a
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { elect } from 'ballot';

const [name = `pid-${process.pid}`, steps = '10'] = process.argv.slice(2);

const candidate = await elect({
  zookeeperServers: process.env.ZOOKEEPER,
  election: 'example-latch',
  candidateId: name,
});
process.once('SIGTERM', () => void candidate.close());
process.once('SIGINT', () => void candidate.close());

console.log(`${name} waits`);
try {
  const term = await candidate.whenLeader();
  console.log(`${name} leads, fencing token ${term.fencingToken}`);
  for (let step = 1; step <= Number(steps); step += 1) {
    await sleep(200, undefined, { signal: term.signal });
    console.log(`${name} has done step ${step}`);
  }
} catch (error) {
  console.log(`${name} stops:`, error);
} finally {
  await candidate.close();
  console.log(`${name} has left`);
}
