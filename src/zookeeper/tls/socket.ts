/** The one place where a TLS connection is made. Node's TLS takes 25 ms to load: import this file when it is needed. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, rootCertificates, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { TlsMaterial } from './files.ts';
import { handshakeProblem } from './problems.ts';

/** An address, and the name or address that the certificate of the server there must be issued for. */
export interface TlsTarget {
  readonly ip: string;
  readonly port: number;
  readonly name: string;
}

/** Connects by TLS. `secureConnect` says that the server has proved who it is; until then nothing can be sent. */
export function openTls(target: TlsTarget, material: TlsMaterial): TLSSocket {
  return opened(target, {
    ...partsOf(material),
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing.
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(target.name, certificate),
  });
}

/** TLS for a client, with the server's certificate issued for `name`. */
export function tlsDial(
  name: string,
  material: TlsMaterial,
): {
  open(address: Omit<TlsTarget, 'name'>, onOpen: () => void): TLSSocket;
  /** A connection that broke has its reason elsewhere. */
  explain(error: Error): string | undefined;
} {
  return {
    open: (address, onOpen) => openTls({ ...address, name }, material).once('secureConnect', onOpen),
    explain: (error) => ('syscall' in error ? undefined : handshakeProblem(error)),
  };
}

/**
 * The certificate that a server shows, for a message: of a server that was not accepted. Nothing is sent on the
 * connection. The caller bounds it, and destroys the socket.
 */
export function lookAtCertificate(
  target: TlsTarget,
  material: TlsMaterial,
): { readonly socket: TLSSocket; readonly shown: Promise<X509Certificate | undefined> } {
  const socket = opened(target, { ...partsOf(material), rejectUnauthorized: false });
  const shown = new Promise<X509Certificate | undefined>((resolve) => {
    socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()));
    socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
  });
  return { socket, shown };
}

function opened({ ip, port, name }: TlsTarget, options: ConnectionOptions): TLSSocket {
  const socket = connect({
    ...options,
    host: ip,
    port,
    // An address cannot be asked for by name (RFC 6066, 3), nor can a dot at the end.
    servername: isIP(name) === 0 ? name.replace(/\.$/, '') : '',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  });
  // Requests are small, and each matters at once.
  return socket.setNoDelay(true);
}

/** Without a CA Node's own list, and not what the environment of one of ballot's processes adds to it. */
function partsOf({ ca = rootCertificates, cert, key }: TlsMaterial): ConnectionOptions {
  return { ca: [...ca], ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}
