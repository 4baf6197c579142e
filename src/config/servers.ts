import { isIP, isIPv6 } from 'node:net';
import type { ServerAddress } from './config.ts';
import { escaped } from '../visible.ts';

/** ZooKeeper's client port. */
const DEFAULT_PORT = 2181;

/** Labels of letters, digits, `-`, `_` (seen in container networks), with dots between; an IPv4 literal is one too. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** A host name, or an IP address without brackets. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || HOST_NAME.test(text);
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** `host`, `host:port`, `::1`, `[::1]`, `[::1]:port`. */
function parseServer(text: string): ServerAddress | string {
  if (text.includes('@')) return 'user names and passwords do not belong in a server address';
  if (text.includes('/')) return `${escaped(text)} holds a path, which belongs in zookeeper-base-path, or a scheme`;
  // Node compiles a large expression before it says no.
  if (text.split(':').length > 2 && isIPv6(text)) return { host: text.toLowerCase(), port: DEFAULT_PORT };
  const [, literal, name = '', , portText] = /^(?:\[(.*)\]|([^:[\]]*))(:(.*))?$/s.exec(text) ?? [];
  const port = portText === undefined ? DEFAULT_PORT : parsePort(portText);
  if (literal === undefined ? !HOST_NAME.test(name) : !isIPv6(literal)) return `${escaped(text)} is not a server`;
  if (port === undefined) return `${escaped(text)}: the port must be a number from 1 to 65535`;
  return { host: (literal ?? name).toLowerCase(), port };
}

/** A server as a user would write it: `host:port`, with brackets around an IPv6 address. */
function formatServer({ host, port }: ServerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Of white space only what is typed on purpose: a no-break space comes with what was pasted. */
const SEPARATORS = /[ \t\r\n,]+/;

/** Servers separated by commas or white space (as Go's ballot reads its variable), each once, in the order given. */
export function parseServers(list: string): { servers: readonly ServerAddress[] } | { problem: string } {
  const found = new Map<string, ServerAddress>();
  for (const text of list.split(SEPARATORS).filter((item) => item !== '')) {
    const server = parseServer(text);
    if (typeof server === 'string') return { problem: server };
    found.set(formatServer(server), Object.freeze(server));
  }
  return found.size === 0 ? { problem: 'no server is named' } : { servers: Object.freeze([...found.values()]) };
}

/** What `parseServers` reads as the same list. */
export function formatServers(servers: readonly ServerAddress[]): string {
  return servers.map(formatServer).join(',');
}
