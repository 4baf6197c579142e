/** Throw-away servers that authenticate: by SASL, with users of their own, besides `digest`, which each knows. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ZooKeeperOptions } from './zookeeper.ts';

/** A folder of the test's own, gone with the process. */
function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ballot-secured-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** For `startZooKeeper`: these users can authenticate by SASL's DIGEST-MD5. Nobody has to. */
export function withSasl(users: Readonly<Record<string, string>>): ZooKeeperOptions {
  const jaas = join(scratchFolder(), 'jaas.conf');
  const lines = Object.entries(users).map(([user, password]) => `    user_${user}="${password}"`);
  const login = 'org.apache.zookeeper.server.auth.DigestLoginModule required';
  writeFileSync(jaas, `Server {\n  ${login}\n${lines.join('\n')};\n};\n`, { encoding: 'utf8' });
  return {
    config: { 'authProvider.1': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider' },
    properties: { 'java.security.auth.login.config': jaas },
  };
}

/** Debian's own, which has kazoo. */
const PYTHON = '/usr/bin/python3';

/**
 * Runs Python in which `zk` is a connected client of kazoo, an independent implementation, and returns what it prints.
 * `auth`: its identity, as `digest` knows it. Throws with what it said when it fails.
 */
export function kazoo(servers: string, script: string, auth?: { user: string; password: string }): Promise<string> {
  const data = auth === undefined ? '' : `, auth_data=[("digest", ${JSON.stringify(`${auth.user}:${auth.password}`)})]`;
  const program = `
import json
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, NoNodeError
zk = KazooClient(hosts=${JSON.stringify(servers)}, timeout=10${data})
zk.start(timeout=60)
${script}
zk.stop()
zk.close()
`;
  return new Promise((resolve, reject) => {
    execFile(PYTHON, ['-c', program], { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kazoo: ${error.message}\n${stderr}`));
    });
  });
}
