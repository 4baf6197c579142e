/** How an address is looked at that is to be spoken to by TLS. */
import type { X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../clock.ts';
import { describe } from '../../errors.ts';
import { readTlsFiles, type TlsMaterial, type TlsOptions } from '../tls/files.ts';
import {
  certificateProblem,
  handshakeProblem,
  isCertificateProblem,
  refusalOf,
  type TlsFailure,
} from '../tls/problems.ts';
import { loadTls } from '../tls/socket.ts';
import { answerTo, foundWithin, statusOf, type Endpoint, type Prober, type Refusal } from './addresses.ts';

/** A handshake costs both sides more than a connection does: it gets this many times as long. */
const HANDSHAKE_TIMES = 2;

/** How long a look at what went wrong may take, ms. */
const SECOND_LOOK_MS = 500;

const PLAIN =
  'speaks no TLS: this is the port for plain connections (clientPort); name its port for TLS (secureClientPort), ' +
  'or set zookeeper-tls to false';

/** What the certificate of the server at this address must be issued for. */
export function nameAt({ host }: Endpoint, { serverName = host }: TlsOptions): string {
  return serverName;
}

/**
 * Looks at addresses as they will be spoken to: by a whole handshake, with both certificates. So the keeper is spent on
 * a server alone that would be accepted and accepts, and the reason is known where there is one.
 */
export function tlsProber(options: TlsOptions): Prober {
  return {
    probe: (endpoint, timeout, clock, signal) => new Look(options, endpoint, clock, signal).probe(timeout),
    wantsTls: () => Promise.resolve(false),
  };
}

class Look {
  readonly #options: TlsOptions;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(options: TlsOptions, endpoint: Endpoint, clock: Clock, signal: AbortSignal) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#signal = signal;
  }

  async probe(timeout: number): Promise<string | Refusal | undefined> {
    const material = this.#material();
    if (typeof material === 'string') return material;
    this.#signal.throwIfAborted();
    let socket: TLSSocket;
    try {
      socket = loadTls().open(this.#target, material);
    } catch (error) {
      return `the certificates cannot be used: ${describe(error)}`;
    }
    let failure: Error | undefined;
    socket.on('error', (error: Error) => (failure = error));
    try {
      const accepted = await foundWithin(this.#clock, timeout, this.#signal, happened(socket, 'connect'));
      if (!('value' in accepted)) return accepted.problem;
      const patience = HANDSHAKE_TIMES * timeout;
      const secured = await foundWithin(this.#clock, patience, this.#signal, happened(socket, 'secureConnect'));
      if (!('value' in secured)) return await this.#whyNot(failure, material, patience);
      // By TLS 1.3 a server says only now that it does not accept this side's certificate.
      const status = await statusOf(socket, this.#clock, this.#signal);
      const refusal = failure && refusalOf(failure, this.#failure(material));
      return refusal === undefined ? status : { refusal, by: 'server' };
    } finally {
      socket.destroy();
    }
  }

  get #target(): Endpoint & { readonly name: string } {
    return { ...this.#endpoint, name: nameAt(this.#endpoint, this.#options) };
  }

  /** What the files hold now, or what is wrong with them. */
  #material(): TlsMaterial | string {
    try {
      return readTlsFiles(this.#options);
    } catch (error) {
      return describe(error).replaceAll('\n', '; ');
    }
  }

  #failure(material: TlsMaterial): TlsFailure {
    return { options: this.#options, material, name: this.#target.name, now: this.#clock.wall() };
  }

  async #whyNot(error: Error | undefined, material: TlsMaterial, ms: number): Promise<string | Refusal> {
    if (error === undefined)
      return `accepts connections, but does not finish the TLS handshake within ${Math.round(ms)} ms`;
    const failure = this.#failure(material);
    const refusal = refusalOf(error, failure);
    if (refusal !== undefined) return { refusal, by: 'server' };
    if (isCertificateProblem(error)) {
      const shown = await this.#shownCertificate(material);
      return { refusal: certificateProblem(error, shown, failure), by: 'client' };
    }
    return (await this.#speaksPlainly()) ? PLAIN : handshakeProblem(error);
  }

  async #shownCertificate(material: TlsMaterial): Promise<X509Certificate | undefined> {
    const { socket, shown } = loadTls().lookAtCertificate(this.#target, material);
    const found = await foundWithin(this.#clock, SECOND_LOOK_MS, this.#signal, shown).finally(() => socket.destroy());
    return 'value' in found ? found.value : undefined;
  }

  /** Whether ZooKeeper answers a word in the clear, also that it does not know the word. */
  async #speaksPlainly(): Promise<boolean> {
    const { ip, port } = this.#endpoint;
    const socket = connect({ host: ip, port });
    socket.on('error', () => undefined);
    const asked = answerTo(socket, 'srvr', SECOND_LOOK_MS, this.#clock, this.#signal);
    const answer = await asked.finally(() => socket.destroy());
    return answer !== undefined && /^(Zookeeper version|This ZooKeeper|srvr is not executed)/.test(answer);
  }
}

function happened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve).once('error', reject);
    // One that is closed without an error before it is secured.
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
}
