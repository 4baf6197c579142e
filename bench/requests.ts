/** Requests to ZooKeeper for one handover, with 5, 50 and 200 candidates: it has to be the same number for all. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { difference, RequestCounter, withoutPings } from './support/counter.ts';
import { Field, WHOLE } from './support/field.ts';
import { figure, type Report } from './support/report.ts';
import type { Workshop } from './support/workshop.ts';

/** Sessions of 40 s: the server's pings and heartbeats stay out of the way. */
export const tickTime = 2000;
const SIZES = [5, 50, 200];
const HANDOVERS = 8;
const PROMISE = 20;
/** A keeper of a standby, and room for the rest of the machine. */
const NEEDED_GB = (SIZES.at(-1) ?? 0) * 0.045 + 2;
/** A handover counts as over when nothing but pings came for so long. */
const QUIET_MS = 400;

export async function measure(shop: Workshop): Promise<Report> {
  refuseSmallMachine();
  await using counter = await RequestCounter.open(shop.ensemble.server.port);
  await using field = new Field(shop, counter.connectString);
  const perSize: { size: number; handovers: { who: string; counts: Record<string, number> }[] }[] = [];
  for (const size of SIZES) {
    await field.grow(size);
    await untilQuiet(counter);
    const handovers: { who: string; counts: Record<string, number> }[] = [];
    for (let i = 0; i < HANDOVERS; i++) {
      const before = counter.counts();
      const who = await field.handOver();
      await untilQuiet(counter);
      handovers.push({ who, counts: difference(before, counter.counts()) });
    }
    perSize.push({ size, handovers });
  }
  return {
    figures: perSize.map(({ size, handovers }) =>
      figure(
        `one handover, ${size} candidates`,
        'requests',
        handovers.map(({ counts }) => withoutPings(counts)),
        PROMISE,
      ),
    ),
    detail: Object.fromEntries(
      perSize.flatMap(({ size, handovers }) =>
        handovers.map(({ who, counts }, i) => [`${size} candidates, ${i + 1}: ${who}`, counts]),
      ),
    ),
    notes: [
      'All requests from the end of the command until the former leader stands at the end of the queue and all is quiet, pings aside; counted on the way to the server, by what the frames say.',
      `${WHOLE} candidates are processes of their own, the others elections of the same code inside the benchmark, each with its own keeper and session.`,
      'Session timeout 40 s; the first renewal of a new term is part of the handover, the later ones are not.',
    ],
  };
}

function refuseSmallMachine(): void {
  const kB = Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? NaN);
  if (kB / 2 ** 20 < NEEDED_GB)
    throw new Error(
      `${SIZES.at(-1)} keepers need ${NEEDED_GB} GB of memory, ${(kB / 2 ** 20).toFixed(1)} GB are available`,
    );
}

async function untilQuiet(counter: RequestCounter): Promise<void> {
  let seen = -1;
  for (let i = 0; i < 60; i++) {
    const now = withoutPings(difference(new Map(), counter.counts()));
    if (now === seen) return;
    seen = now;
    await sleep(QUIET_MS);
  }
  throw new Error('the candidates do not come to rest');
}
