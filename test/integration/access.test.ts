/** ballot with an identity, end to end: where its password may not be seen, and elections that are for it alone. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBallot } from '../support/ballot.ts';
import type { Candidate } from '../support/candidate.ts';
import { useFolder } from '../support/hooks.ts';
import { poll } from '../support/poll.ts';
import { kazoo, withSasl } from '../support/secured.ts';
import { Stage, useZooKeeper } from '../support/stage.ts';

const SECRET = 'correct.horse.battery';
const zookeeper = useZooKeeper({ observer: false, ...withSasl({ bob: SECRET }) });
const folder = useFolder('access');

const written = (name: string, content: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};

const file = written('bob', `digest:bob:${SECRET}\n`);
const BOB = { 'zookeeper-auth': `file:${file}` };
const CREATOR = { ...BOB, 'zookeeper-acl': 'creator' };
const bob = { user: 'bob', password: SECRET };
const json = (value: unknown): string => JSON.stringify(value);

/** Whose command line or environment holds the secret, of all processes of this host. */
function whoShows(secret: string): string[] {
  return readdirSync('/proc').flatMap((pid) =>
    ['cmdline', 'environ'].flatMap((name) => {
      try {
        return readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(secret) ? [`/proc/${pid}/${name}`] : [];
      } catch {
        return [];
      }
    }),
  );
}

const filterOf = (pid: number | 'self'): string => readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim();

/** Not at once: while ballot starts a command its filter is the one that the command inherits. */
async function closedToCores(candidate: Candidate): Promise<void> {
  const isClosed = (pid: number): boolean => Number(filterOf(pid)) === 0;
  await poll(() => [candidate.pid, ...candidate.keepers()].every(isClosed), { what: 'the filter of core files' });
}

describe('a password in the environment', () => {
  it('is seen nowhere: no command line, environment, log, configuration or core file has it', async () => {
    await using stage = new Stage(zookeeper.connectString);
    const flags = { 'log-level': 'trace', debug: 'true' };
    const script = 'env; stay';
    const start = (id: string, scheme: string): Candidate => {
      const env = { BALLOT_ZOOKEEPER_AUTH: `${scheme}:bob:${SECRET}` };
      return stage.start({ id, flags, env, script });
    };
    const first = start('first', 'digest');
    await first.says('the command runs');
    const second = start('second', 'sasl-digest');
    await second.says('standing by');
    const [keeper] = first.keepers() as [number];
    process.kill(keeper, 'SIGKILL');
    await first.says('regained contact');
    expect(whoShows(SECRET)).toEqual([]);
    for (const one of [first, second]) await closedToCores(one);
    expect(filterOf(first.commandPid)).toBe(filterOf('self'));
    first.signal('SIGTERM');
    await first.end();
    await stage.journal.started(1, { candidate: 'second' });
    second.signal('SIGTERM');
    await second.end();
    for (const { stdout, stderr } of [first, second]) expect(`${stdout}${stderr}`).not.toContain(SECRET);
    expect(first.wrote().join('\n')).toContain('BALLOT_RUN_ID=');
    expect(first.wrote().join('\n')).not.toContain('ZOOKEEPER_AUTH');
  });

  it.each(['yaml', 'json'])('is masked in ballot config -o %s', async (output) => {
    const env = { BALLOT_ZOOKEEPER_AUTH: `digest:bob:${SECRET}` };
    const { code, stdout, stderr } = await runBallot(['config', '-o', output], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/zookeeper-auth.*digest:\*\*\*/s);
    expect(`${stdout}${stderr}`).not.toContain(SECRET);
  });

  it('is not quoted where it cannot be read', async () => {
    for (const value of [`digets:bob:${SECRET}`, `digest:${SECRET}`, `digest:bob:${SECRET}\n`]) {
      const { code, stderr } = await runBallot(['info'], { env: { BALLOT_ZOOKEEPER_AUTH: value } });
      expect(code).toBe(78);
      expect(stderr).toContain('environment BALLOT_ZOOKEEPER_AUTH: zookeeper-auth: ');
      expect(stderr).not.toContain(SECRET);
    }
  });
});

describe('zookeeper-acl: creator', () => {
  it('a fleet moves from open to it host by host, and then no stranger gets in', { timeout: 600_000 }, async () => {
    await using stage = new Stage(zookeeper.connectString);
    const { basePath } = stage;
    const begin = (id: string, flags: Record<string, string>) => stage.stand({ id, flags });
    const restart = async (host: Candidate, id: string, flags: Record<string, string>): Promise<Candidate> => {
      host.signal('SIGTERM');
      await host.end();
      return begin(id, flags);
    };
    let a = await begin('a', {});
    let b = await begin('b', {});
    // First everybody gets the identity, then everybody uses it for its znodes.
    for (const flags of [BOB, CREATOR]) {
      a = await restart(a, 'a', { ...flags, 'zookeeper-client': 'wire' });
      await stage.journal.started(flags === BOB ? 2 : 4);
      b = await restart(b, 'b', flags);
      await stage.journal.started(flags === BOB ? 3 : 5);
    }
    const [closing] = [a.said('were open to others'), b.said('were open to others')].flat();
    expect(closing).toMatchObject({ level: 'warn', identity: 'digest:bob' });
    expect(closing?.['znodes']).toContain(basePath);
    // What was made below it in the open days is closed with it.
    expect(closing?.['znodes']).toContain(`${basePath}/runs`);
    expect(closing?.['znodes']).toContain(`${basePath}/step-down`);

    const acls = `
for path in [${json(basePath)}] + [${json(basePath)} + "/" + name for name in sorted(zk.get_children(${json(basePath)}))]:
    print(path, [(a.perms, a.id.scheme, a.id.id.split(":")[0]) for a in zk.get_acls(path)[0]])
`;
    const lines = (await kazoo(zookeeper.connectString, acls, bob)).trim().split('\n');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).toMatch(/^\S+ \[\(31, 'digest', 'bob'\)\]$/);
    const znodes = lines.map((line) => line.split(' ')[0]);
    const strange = `
def attempt(ask):
    try:
        ask(); print("let in")
    except NoAuthError:
        print("kept out")
for path in ${json(znodes)}:
    attempt(lambda: zk.get(path))
    attempt(lambda: zk.set(path, b"x"))
    attempt(lambda: zk.get_children(path))
    attempt(lambda: zk.create(path + "/x", b""))
    if path != ${json(basePath)}: attempt(lambda: zk.delete(path))
attempt(lambda: zk.create(${json(`${basePath}/proposal-`)}, b"", ephemeral=True, sequence=True))
`;
    for (const stranger of [undefined, { user: 'eve', password: SECRET }]) {
      const said = (await kazoo(zookeeper.connectString, strange, stranger)).trim().split('\n');
      // A proposal is ephemeral, and can have no children.
      expect(new Set(said)).toEqual(new Set(['kept out']));
      expect(said).toHaveLength(5 * 5);
    }

    const where = [`--zookeeper-servers=${zookeeper.connectString}`, `--zookeeper-base-path=${basePath}`];
    const known = [...where, `--zookeeper-auth=file:${file}`, '--zookeeper-acl=creator'];
    for (const [question, ...more] of [['info'], ['history'], ['is-leader', '--candidate-id=a']]) {
      const words = [question as string, ...more];
      expect(await runBallot([...words, ...where])).toMatchObject({ code: 77 });
      expect(await runBallot([...words, ...known])).toMatchObject({ code: 0 });
    }
    expect(await runBallot(['step-down', '--wait', '--timeout=60s', ...known])).toMatchObject({ code: 0 });
    await stage.journal.started(6);
  });

  it.each(['native', 'wire'])('makes everything closed from the beginning, parents first (%s)', async (client) => {
    const basePath = `/made-${client}/by/ballot`;
    await using stage = new Stage(zookeeper.connectString, { basePath });
    const candidate = stage.start({ flags: { ...CREATOR, 'zookeeper-client': client } });
    await stage.journal.started();
    // The password came from a file, after the keeper was forked.
    await closedToCores(candidate);
    const script = `
paths = [${json(`/made-${client}`)}, ${json(`/made-${client}/by`)}, ${json(basePath)}]
for path in paths + [paths[-1] + "/" + name for name in zk.get_children(paths[-1])]:
    print([(a.perms, a.id.scheme, a.id.id.split(":")[0]) for a in zk.get_acls(path)[0]])
`;
    await poll(async () => (await kazoo(zookeeper.connectString, script, bob)).trim().split('\n').length === 6);
    const said = (await kazoo(zookeeper.connectString, script, bob)).trim().split('\n');
    expect(new Set(said)).toEqual(new Set(["[(31, 'digest', 'bob')]"]));
  });

  it.each(['native', 'wire'])('refuses a base path of somebody else with 77 (%s)', async (client) => {
    const basePath = `/of-eve-${client}`;
    const script = `
from kazoo.security import make_digest_acl
zk.create(${json(basePath)}, b"", acl=[make_digest_acl("eve", "hers", all=True)])
`;
    await kazoo(zookeeper.connectString, script, { user: 'eve', password: 'hers' });
    await using stage = new Stage(zookeeper.connectString, { basePath });
    const flags = { ...CREATOR, 'zookeeper-client': client, 'on-election-failure': 'run-anyway' };
    const candidate = stage.start({ flags });
    expect(await candidate.end()).toBe(77);
    expect(candidate.said('the election failed')[0]?.['why']).toContain(
      `${basePath} belongs to somebody else: its ACL does not give all rights to digest:bob`,
    );
    expect(stage.journal.starts()).toEqual([]);
  });
});

describe('a file with the password', () => {
  const fifo = join(folder, 'folder');
  mkdirSync(fifo);

  it.each<[string, string, RegExp]>([
    ['others may read', written('readable', `digest:bob:${SECRET}`, 0o644), /other users can use it \(mode 0644\)/],
    ['is no regular file', fifo, /is a folder: it must be a regular file/],
    ['is not there', join(folder, 'none'), /ENOENT/],
    ['holds something else', written('other', SECRET), /must be one line, digest:USER:PASSWORD or/],
  ])('is refused when it %s', async (_what, path, said) => {
    const { code, stderr } = await runBallot(['info', `--zookeeper-auth=file:${path}`]);
    expect(code).toBe(78);
    expect(stderr).toMatch(said);
    expect(stderr).toContain(`flag --zookeeper-auth: zookeeper-auth: ${path}`);
    expect(stderr).not.toContain(SECRET);
  });
});
