/** What goes wrong with TLS, in words: whose certificate, and which file or option to look at. */
import type { X509Certificate } from 'node:crypto';
import { issuerOf, named, subjectOf, type TlsMaterial, type TlsOptions } from './files.ts';
import { describe } from '../../errors.ts';

/** Alerts by which a server refuses a client's certificate, or that there is none (RFC 8446, 6.2; RFC 5246, 7.2). */
const REFUSALS: Readonly<Record<string, string>> = {
  NO_CERTIFICATE: 'there is none',
  BAD_CERTIFICATE: 'bad certificate',
  UNSUPPORTED_CERTIFICATE: 'unsupported certificate',
  CERTIFICATE_REVOKED: 'revoked',
  CERTIFICATE_EXPIRED: 'expired',
  CERTIFICATE_UNKNOWN: 'certificate unknown',
  CERTIFICATE_REQUIRED: 'certificate required',
  UNKNOWN_CA: 'unknown CA',
  ACCESS_DENIED: 'access denied',
};

/** Codes by which Node refuses the certificate of a server: OpenSSL's, as Node names them. */
const CERTIFICATE =
  /^(ERR_TLS_CERT|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_|PATH_LENGTH_|ERROR_IN_CERT)/;

const UNKNOWN_ISSUER: readonly string[] = [
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_SIGNATURE_FAILURE',
];

/** What is known of a failed connection. */
export interface TlsFailure {
  readonly options: TlsOptions;
  readonly material: TlsMaterial;
  /** What the server's certificate must be issued for. */
  readonly name: string;
  /** Ms since the Unix epoch. */
  readonly now: number;
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}

/** The alert that the server has sent: `UNKNOWN_CA`. */
function alertOf(error: Error): string | undefined {
  return /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(\w+)$/.exec(codeOf(error))?.[1];
}

/** Whether this side does not accept the server's certificate. */
export function isCertificateProblem(error: Error): boolean {
  return CERTIFICATE.test(codeOf(error));
}

/** Why the server refuses this client's certificate, or wants one; `undefined` if it does not. */
export function refusalOf(error: Error, { options, material, now }: TlsFailure): string | undefined {
  const why = REFUSALS[alertOf(error) ?? ''];
  if (why === undefined) return undefined;
  const { identity } = material;
  if (identity === undefined)
    return `wants a client certificate (${why}), and none is set: name it by zookeeper-tls-cert and zookeeper-tls-key`;
  const expired = Date.parse(identity.validTo) < now ? `, which expired on ${instant(identity.validTo)}` : '';
  const look = expired === '' ? 'its log says why; which CAs it trusts is in its ssl.trustStore.location' : 'renew it';
  const certificate = `${subjectOf(identity)} of ${named(options, 'cert')}${expired}`;
  return `refuses the client certificate ${certificate} (${why}): ${look}`;
}

/** Why the certificate that the server has shown is not accepted. */
export function certificateProblem(error: Error, shown: X509Certificate | undefined, failure: TlsFailure): string {
  const code = codeOf(error);
  if (shown === undefined) return `its certificate is not accepted (${code})`;
  const its = `its certificate ${subjectOf(shown)}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${its} ${wrongName(shown, failure.name)}`;
  if (code === 'CERT_HAS_EXPIRED') return expiry(shown, its, failure);
  if (code === 'CERT_NOT_YET_VALID')
    return `${its} is not valid before ${instant(shown.validFrom)}: compare the clocks of both hosts`;
  const list = failure.options.ca === undefined ? "Node's own list of CAs" : named(failure.options, 'ca');
  const name = failure.options.ca === undefined ? ': name the file of its CA by zookeeper-tls-ca' : '';
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') return `${its} is self-signed, and not in ${list}${name}`;
  if (UNKNOWN_ISSUER.includes(code)) return `${its} was issued by ${issuerOf(shown)}, which is not in ${list}${name}`;
  return `${its} is not accepted: ${describe(error)} (${code})`;
}

function wrongName(shown: X509Certificate, name: string): string {
  const names = (shown.subjectAltName ?? 'no other name').replaceAll(/DNS:|IP Address:/g, '');
  const hint = 'correct zookeeper-servers, or say by zookeeper-tls-server-name which of them counts';
  return `is for ${names}, not for ${name}: ${hint}`;
}

/** Of the server's own certificate, of one between it and its CA, or of the CA itself. */
function expiry(shown: X509Certificate, its: string, { options, now }: TlsFailure): string {
  const chain = [shown];
  for (let next = shown.issuerCertificate; next !== undefined && chain.length < 10; next = next.issuerCertificate)
    chain.push(next);
  const old = chain.find(({ validTo }) => Date.parse(validTo) < now);
  const onServer = 'on that server (ssl.keyStore.location)';
  if (old === shown) return `${its} expired on ${instant(shown.validTo)}: renew it ${onServer}`;
  const above = old === undefined ? issuerOf(shown) : `${subjectOf(old)}, expired on ${instant(old.validTo)}`;
  const where = options.ca === undefined ? onServer : `in ${named(options, 'ca')}, or ${onServer}`;
  return `a CA certificate that ${its} leads to has expired (${above}): renew it ${where}`;
}

/** An instant as a certificate has it (`Nov 26 10:00:00 2026 GMT`) in ISO 8601. */
function instant(text: string): string {
  return new Date(text).toISOString().replace('.000Z', 'Z');
}

/** Any other failure of a handshake. */
export function handshakeProblem(error: Error): string {
  const alert = alertOf(error);
  if (alert === 'HANDSHAKE_FAILURE')
    return 'refuses the TLS handshake: no cipher in common, or it wants a client certificate (zookeeper-tls-cert)';
  if (alert === 'PROTOCOL_VERSION' || codeOf(error) === 'ERR_SSL_UNSUPPORTED_PROTOCOL')
    return 'speaks neither TLS 1.2 nor 1.3 (ssl.enabledProtocols on the server)';
  return `fails the TLS handshake: ${describe(error)}`;
}
