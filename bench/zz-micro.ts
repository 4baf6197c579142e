import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RunProcesses, markOf } from '../src/child/run-processes.ts';
import { systemClock } from '../src/clock.ts';
const times: number[] = [], starts: number[] = [];
for (let i = 0; i < 80; i++) {
  const env = { ...process.env, BALLOT_RUN_ID: String(i) };
  const c = spawn('bash', ['-c', 'sleep 0.05; true'], { env, detached: true, stdio: 'ignore' });
  let t = performance.now();
  const r = RunProcesses.startedAs(c.pid!, markOf(env), () => {}, systemClock);
  starts.push(performance.now() - t);
  await once(c, 'exit');
  t = performance.now();
  if (r.isAlive()) console.log('alive?');
  times.push(performance.now() - t);
}
for (const x of [starts, times]) { x.sort((a, b) => a - b); console.log(x[8], x[40], x[72]); }
