import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type * as NodeTls from 'node:tls';
import type { TlsMaterial } from './files.ts';
import { handshakeProblem } from './problems.ts';

/** An address, and the name or address that the certificate of the server there must be issued for. */
export interface TlsTarget {
  readonly ip: string;
  readonly port: number;
  readonly name: string;
}

/** TLS for a client. */
interface TlsDial {
  open(address: Omit<TlsTarget, 'name'>, onOpen: () => void): NodeTls.TLSSocket;
  /** A connection that broke has its reason elsewhere. */
  explain(error: Error): string | undefined;
}

/** Node's TLS takes 25 ms to load, in both processes: whoever speaks it loads it. */
export function loadTls(): TlsSockets {
  return new TlsSockets(process.getBuiltinModule('node:tls'));
}

/** The one place where TLS connections are made. */
class TlsSockets {
  readonly #tls: typeof NodeTls;

  constructor(tls: typeof NodeTls) {
    this.#tls = tls;
  }

  /** Connects. `secureConnect` says that the server has proved who it is; until then nothing can be sent. */
  open(target: TlsTarget, material: TlsMaterial): NodeTls.TLSSocket {
    return this.#connect(target, material, {
      // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing.
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => this.#tls.checkServerIdentity(target.name, certificate),
    });
  }

  /** Connections to servers whose certificate is issued for `name`. */
  dial(name: string, material: TlsMaterial): TlsDial {
    return {
      open: (address, onOpen) => this.open({ ...address, name }, material).once('secureConnect', onOpen),
      explain: (error) => ('syscall' in error ? undefined : handshakeProblem(error)),
    };
  }

  /** The certificate of a server that was not accepted, for a message. Sends nothing; the caller bounds and ends it. */
  lookAtCertificate(
    target: TlsTarget,
    material: TlsMaterial,
  ): { readonly socket: NodeTls.TLSSocket; readonly shown: Promise<X509Certificate | undefined> } {
    const socket = this.#connect(target, material, { rejectUnauthorized: false });
    const shown = new Promise<X509Certificate | undefined>((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()));
      socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
    });
    return { socket, shown };
  }

  #connect(
    { ip, port, name }: TlsTarget,
    { ca = this.#tls.rootCertificates, cert, key }: TlsMaterial,
    checks: NodeTls.ConnectionOptions,
  ): NodeTls.TLSSocket {
    const socket = this.#tls.connect({
      ...checks,
      host: ip,
      port,
      // An address cannot be asked for by name (RFC 6066, 3), nor can a dot at the end.
      servername: isIP(name) === 0 ? name.replace(/\.$/, '') : '',
      // Without a CA Node's own list, and not what the environment of one of ballot's processes adds to it.
      ca: [...ca],
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
    });
    // Requests are small, and each matters at once.
    return socket.setNoDelay(true);
  }
}
