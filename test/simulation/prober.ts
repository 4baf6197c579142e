import { sleep, sleepUntil, type Clock } from '../../src/clock.ts';
import { SILENT, type Prober } from '../../src/zookeeper/session/addresses.ts';
import type { Ensemble } from './ensemble.ts';

/** A server that does not answer a word is given so long, ms. */
const WORD_MS = 150;

/** When a system tries again to open a connection that nobody answers, after the first try, ms. */
const SYN_AGAIN_MS = [0, 1_000, 3_000, 7_000];

/** How a host finds out about the servers of the ensemble, by the state of the network. */
export function proberOf(ensemble: Ensemble, host: string): Prober {
  const { network } = ensemble;
  const isAccepted = async (server: string, timeout: number, clock: Clock, signal: AbortSignal): Promise<boolean> => {
    const begun = clock.now();
    for (const after of SYN_AGAIN_MS.filter((ms) => ms < timeout)) {
      await sleepUntil(clock, begun + after + 2 * ensemble.drawLatency(), signal);
      if (network.passage(host, server) === 'open') return true;
    }
    await sleepUntil(clock, begun + timeout, signal);
    return false;
  };
  return {
    async probe({ ip }, timeout, clock, signal) {
      const server = ensemble.serverAt(ip);
      if (!(await isAccepted(server.name, timeout, clock, signal))) return `no answer within ${Math.round(timeout)} ms`;
      if (!server.up) return 'connection refused';
      if (server.isolated) return 'serves no requests (it is starting, or has no quorum)';
      if (!server.stalled) return undefined;
      await sleep(clock, WORD_MS, signal);
      return SILENT;
    },
    async wantsTls(_endpoint, clock, signal) {
      await sleep(clock, WORD_MS, signal);
      return false;
    },
  };
}
