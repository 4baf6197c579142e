import type { TlsOptions } from '../zookeeper/tls/files.ts';
import type { GlobalConfig } from './config.ts';
import type { tlsFields } from './options.ts';

/** The options of TLS, for those who speak it; `undefined` without TLS. */
export function tlsOf({
  zookeeperTls,
  zookeeperTlsCa: ca,
  zookeeperTlsCert: cert,
  zookeeperTlsKey: key,
  zookeeperTlsServerName: serverName,
}: Pick<GlobalConfig, (typeof tlsFields)[number]>): TlsOptions | undefined {
  if (!zookeeperTls) return undefined;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
  };
}
