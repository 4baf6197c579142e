/** The unit of config/systemd under a real systemd: what `systemctl` shows, and what the watchdog does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ballotPath, isAlive, Journal } from '../support/candidate.ts';
import { useFolder } from '../support/hooks.ts';
import { canRunSystemd, OwnSystemd } from '../support/own-systemd.ts';
import { poll } from '../support/poll.ts';
import { useZooKeeper } from '../support/stage.ts';

const zookeeper = useZooKeeper();
const folder = useFolder('sd');

/** Lines that belong to the system's own service manager: user, state folder, what the hardening takes away. */
const OF_THE_SYSTEM =
  /^(User|StateDirectory\w*|WorkingDirectory|Protect\w+|Private\w+|Restrict\w+(?<!ExitStatus)|Capability\w+)=/;
const HARDENING = /^(NoNewPrivileges|LockPersonality|RemoveIPC|KeyringMode|UMask|SystemCall\w+|Wants|After)=/;

/** The unit as it is shipped, for a user's service manager, with another command and a watchdog that bites sooner. */
function unitFor(basePath: string, command: readonly string[]): string {
  const unit = readFileSync(join(import.meta.dirname, '../../config/systemd/ballot-run@.service'), 'utf8');
  const flags = [
    `--zookeeper-servers=${zookeeper.connectString}`,
    `--zookeeper-base-path=${basePath}`,
    '--zookeeper-session-timeout=4s',
    '--candidate-id=%i',
  ];
  const start = [process.execPath, ballotPath, 'run once', ...flags, '--', ...command].join(' ');
  const kept = unit.split('\n').filter((line) => !OF_THE_SYSTEM.test(line) && !HARDENING.test(line));
  return kept
    .join('\n')
    .replace(/^ExecStart=.*$/m, `ExecStart=${start}`)
    .replace(/^WatchdogSec=.*$/m, 'WatchdogSec=6');
}

describe.runIf(canRunSystemd())('the unit under systemd (skipped where a mount namespace is not to be had)', () => {
  it('is active once it stands, shows who leads, and is restarted when ballot hangs', async () => {
    using journal = new Journal();
    const unit = unitFor(
      '/systemd/worker',
      journal.command().filter((word) => word !== ''),
    );
    await using systemd = await new OwnSystemd(folder, { 'ballot-run@.service': unit }).ready();
    const [one, two] = ['ballot-run@one.service', 'ballot-run@two.service'];

    await systemd.systemctl('start', one);
    expect(await systemd.property(one, 'ActiveState')).toBe('active');
    await systemd.until(one, 'StatusText', /^leader of \/systemd\/worker since .*Z, run \d+\.1$/);
    await systemd.systemctl('start', two);
    await systemd.until(two, 'StatusText', /^standing by in \/systemd\/worker: next in line: one leads, on host /);
    const { pid } = await journal.started(1);

    const hung = Number(await systemd.property(one, 'MainPID'));
    process.kill(hung, 'SIGSTOP');
    await systemd.until(one, 'NRestarts', /^[1-9]/);
    await journal.started(1, { candidate: 'two' });
    expect([isAlive(hung), isAlive(pid)]).toEqual([false, false]);
    await systemd.until(two, 'StatusText', /^leader of /);
    await systemd.until(one, 'StatusText', /^standing by in .*: next in line: two leads/);
    expect(Number(await systemd.property(one, 'MainPID'))).not.toBe(hung);

    await systemd.systemctl('stop', two);
    expect(await systemd.property(two, 'Result')).toBe('success');
    await systemd.until(one, 'StatusText', /^leader of /);
    await poll(() => journal.starts('one').length === 2, { what: 'the command on the first again' });
    await systemd.systemctl('stop', one);
    expect(journal.overlaps()).toEqual([]);
  });
});
