/**
 * The same as `handover`, over TLS and in the clear by turns, on one server: what encryption costs where every
 * millisecond counts. A connection stands for as long as the candidate does, so no handshake is in it.
 */
import { betweenCandidates, CANDIDATES, WORK_MS } from './handover.ts';
import { figure, type Report } from './support/report.ts';
import type { Way, Workshop } from './support/workshop.ts';

export const tls = true;

/** Turns of each kind, and handovers in each of them. */
const TURNS = 3;
const HANDOVERS = 40;
const PROMISED_RATIO = 1.3;

export async function measure(shop: Workshop): Promise<Report> {
  const plain: number[] = [];
  const secured: number[] = [];
  const turn = async (name: string, way: Way): Promise<number[]> => {
    const found = await betweenCandidates(shop, `/bench/${name}`, HANDOVERS, way);
    await shop.stopAll();
    return found.map(({ ms }) => ms);
  };
  for (let i = 1; i <= TURNS; i++) {
    plain.push(...(await turn(`plain-${i}`, { flags: ['--zookeeper-client', 'wire'] })));
    secured.push(...(await turn(`tls-${i}`, shop.byTls)));
  }
  const [inTheClear, byTls] = [
    figure('in the clear: end of a run → start of the next on another candidate', 'ms', plain),
    figure('the same by TLS, with client certificates', 'ms', secured),
  ];
  return {
    figures: [
      inTheClear,
      byTls,
      figure('median by TLS / median in the clear', 'times', [byTls.median / inTheClear.median], PROMISED_RATIO),
    ],
    notes: [
      `${CANDIDATES} candidates, session timeout 5 s, commands of ${WORK_MS} ms; ${TURNS} turns of each kind, one after the other.`,
      "Both by ballot's own client, to one server (Netty on both ports).",
    ],
  };
}
