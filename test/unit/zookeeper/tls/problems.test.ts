import { describe, expect, it } from 'vitest';
import { readTlsFiles } from '../../../../src/zookeeper/tls/files.ts';
import { handshakeProblem, refusalOf } from '../../../../src/zookeeper/tls/problems.ts';
import { Authority } from '../../../support/certificates.ts';
import { useFolder } from '../../../support/hooks.ts';

const folder = useFolder('tls-problems');
const { cert, key } = new Authority(folder, 'CA').issue('client');
const options = { cert, key };
const material = readTlsFiles(options);

const alert = (code: string): Error => Object.assign(new Error(code), { code });

const failure = (now = Date.now()): Parameters<typeof refusalOf>[1] => ({ options, material, name: 'zk1', now });

describe('the refusal of a client certificate', () => {
  it.each([
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'certificate unknown'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'bad certificate'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'expired'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown CA'],
    ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'access denied'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate required'],
  ])('is known by %s', (code, words) => {
    expect(refusalOf(alert(code), failure())).toBe(
      `refuses the client certificate CN=client of ${cert} (zookeeper-tls-cert) (${words}): ` +
        'its log says why; which CAs it trusts is in its ssl.trustStore.location',
    );
  });

  it('says that the certificate has expired meanwhile', () => {
    const later = Date.now() + 10 * 24 * 3600 * 1000;
    expect(refusalOf(alert('ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN'), failure(later))).toMatch(
      /\(zookeeper-tls-cert\), which expired on \d{4}-\d\d-\d\dT.*Z \(certificate unknown\): renew it$/,
    );
  });

  it.each([
    'ECONNRESET',
    'CERT_HAS_EXPIRED',
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
  ])('is not what %s says', (code) => {
    expect(refusalOf(alert(code), failure())).toBeUndefined();
  });
});

describe('a handshake that fails otherwise', () => {
  it.each([
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /neither TLS 1\.2 nor 1\.3/],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', /neither TLS 1\.2 nor 1\.3/],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', /no cipher in common/],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', /^fails the TLS handshake: ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR$/],
  ])('by %s is put into words', (code, words) => {
    expect(handshakeProblem(alert(code))).toMatch(words);
  });
});
