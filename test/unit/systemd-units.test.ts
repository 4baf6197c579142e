/** The units of config/systemd, judged by systemd's own tools. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { onPath } from '../../scripts/zookeeper-home.mjs';
import { useFolder } from '../support/hooks.ts';

const shipped = join(import.meta.dirname, '../../config/systemd');
const units = readdirSync(shipped).filter((name) => name.endsWith('.service'));
/** Targets that the units name. */
const TARGETS = '/usr/lib/systemd/system';

const root = useFolder('units');
beforeAll(() => {
  for (const folder of ['usr/bin', 'etc/systemd/system', 'usr/lib/systemd/system', 'etc/sysusers.d'])
    mkdirSync(join(root, folder), { recursive: true });
  // Where npm puts it when its prefix is /usr.
  writeFileSync(join(root, 'usr/bin/ballot'), '#!/bin/sh\n');
  chmodSync(join(root, 'usr/bin/ballot'), 0o755);
  for (const unit of units) copyFileSync(join(shipped, unit), join(root, 'etc/systemd/system', unit));
  if (!existsSync(TARGETS)) return;
  for (const name of readdirSync(TARGETS).filter((file) => file.endsWith('.target')))
    copyFileSync(join(TARGETS, name), join(root, 'usr/lib/systemd/system', name));
});

function analyze(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

describe.runIf(onPath('systemd-analyze') !== undefined)('systemd-analyze (skipped where it is not installed)', () => {
  it.each(units)('verify: %s', (unit) => {
    const instance = unit.replace('@', '@worker');
    expect(analyze(`--root=${root}`, '--man=no', 'verify', instance)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('verify sees a wrong word, and a program that is not there', () => {
    const text = readFileSync(join(shipped, units[0] ?? ''), 'utf8');
    const wrong = text.replace('Type=notify', 'Type=notfy').replace('ExecStart=ballot', 'ExecStart=ballo');
    writeFileSync(join(root, 'etc/systemd/system/wrong@.service'), wrong);
    const { status, stderr } = analyze(`--root=${root}`, '--man=no', 'verify', 'wrong@worker.service');
    expect(status).not.toBe(0);
    expect(stderr).toContain('notfy');
    expect(stderr).toContain('ballo is not executable');
  });

  it.each(units)('security: %s is hardened', (unit) => {
    const { status, stdout } = analyze('--offline=yes', '--threshold=25', 'security', join(shipped, unit));
    expect({ status, worst: /Overall exposure.*/.exec(stdout)?.[0] }).toMatchObject({ status: 0 });
  });
});

describe('the units', () => {
  it.each(units)('%s keeps what a candidate needs', (unit) => {
    const lines = readFileSync(join(shipped, unit), 'utf8').split('\n');
    // Children of ballot's send the messages.
    for (const line of ['NotifyAccess=all', 'KillMode=mixed', 'Restart=always', 'Type=notify'])
      expect(lines).toContain(line);
    // The cgroups of runs are made below the unit's.
    const runs = lines.some((line) => line.startsWith('ExecStart=ballot run '));
    expect([lines.includes('Delegate=yes'), lines.includes('ProtectControlGroups=yes')]).toEqual([runs, !runs]);
    // Node compiles while it runs.
    expect(lines.filter((line) => line.startsWith('MemoryDenyWriteExecute'))).toEqual([]);
  });
});
