/**
 * Events: this program does something all the time, and one thing more while it leads. Start it in several terminals
 * and end the one that leads.
 *
 *     ZOOKEEPER=localhost:2181 node examples/elect/main.mjs a
 */
import { elect } from 'ballot';

const [name = `pid-${process.pid}`] = process.argv.slice(2);

const candidate = await elect({
  zookeeperServers: process.env.ZOOKEEPER,
  election: 'example-elect',
  candidateId: name,
  leaseDuration: '3s',
});

candidate.on('leader', (term) => console.log(`${name} leads, fencing token ${term.fencingToken}`));
candidate.on('follower', (end) => console.log(`${name} leads no more: ${end.message}`));
candidate.on('closed', (failure) => console.log(`${name} has left${failure ? `: ${failure.message}` : ''}`));

const everySecond = setInterval(() => console.log(`${name} ${candidate.leader ? 'leads' : 'follows'}`), 1000);

for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => {
    clearInterval(everySecond);
    void candidate.close();
  });

const names = (await candidate.participants()).map((one) =>
  one.leads ? `${one.candidateId} (leads)` : one.candidateId,
);
console.log(`${name} stands with ${names.join(', ')}`);
