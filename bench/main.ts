/**
 * Measures what ballot promises: `npm run bench [-- name…] [--client native --client wire] [--json F] [--no-build]`.
 * Without a name, all of them, one after the other. Each starts a ZooKeeper server of its own on the loopback, takes
 * about a minute (`ticks` seven), and leaves nothing behind. bench/README.md says what each measures.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import build from '../test/support/built.ts';
import { print, surroundings, type Report } from './support/report.ts';
import { Workshop } from './support/workshop.ts';

interface Bench {
  /** Of the throw-away server, ms; 500 by default. */
  readonly tickTime?: number;
  /** The server has a port for TLS as well. */
  readonly tls?: boolean;
  measure(shop: Workshop): Promise<Report>;
}

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  start: () => import('./start.ts'),
  handover: () => import('./handover.ts'),
  'handover-tls': () => import('./handover-tls.ts'),
  takeover: () => import('./takeover.ts'),
  ticks: () => import('./ticks.ts'),
  requests: () => import('./requests.ts'),
  'standby-requests': () => import('./standby-requests.ts'),
  memory: () => import('./memory.ts'),
  cpu: () => import('./cpu.ts'),
  local: () => import('./local.ts'),
};

/** A program of its own, with arguments of its own. */
const OUTPUT = 'output';

/** Which client the candidates use: `zookeeper-client`. */
const CLIENT = 'BALLOT_ZOOKEEPER_CLIENT';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: 'string', multiple: true, default: [process.env[CLIENT] ?? 'auto'] },
    json: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const names = positionals.length > 0 ? positionals : [...Object.keys(benches), OUTPUT];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

if (!values['no-build']) await build();
for (const name of names) {
  // Both on the same machine, at about the same load.
  for (const client of values.client) {
    process.env[CLIENT] = client;
    await perform(name, client);
  }
}

async function perform(name: string, client: string): Promise<void> {
  if (name === OUTPUT) return measureOutput();
  const load = benches[name];
  if (load === undefined)
    throw new Error(`no benchmark is called ${name}: there are ${Object.keys(benches).join(', ')}, ${OUTPUT}`);
  const { tickTime = 500, tls = false, measure } = await load();
  await Workshop.use(root, { tickTime, tls }, async (shop) => {
    const around = surroundings(root, await shop.serverVersion());
    print(name, { ...around, client }, await measure(shop), values.json);
  });
}

function measureOutput(): void {
  const { status } = spawnSync(process.execPath, [join(root, 'bench/output.mjs'), '--runs', '3'], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`bench/output.mjs ended with ${status}`);
}
