import { describe, expect, it } from 'vitest';
import { DigestMd5, SaslError } from '../../../../../src/zookeeper/client/wire/sasl.ts';

/** The example of RFC 2831, section 4. */
const RFC = {
  login: { user: 'chris', password: 'secret' },
  fixed: { cnonce: 'OA6MHXh6VqTrRk', uri: 'imap/elwood.innosoft.com' },
  challenge: 'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8',
};

const begun = (): DigestMd5 => {
  const exchange = new DigestMd5(RFC.login, RFC.fixed);
  exchange.respond(Buffer.from(RFC.challenge));
  return exchange;
};

describe('DIGEST-MD5', () => {
  it('answers as the example of its RFC does', () => {
    const response = String(new DigestMd5(RFC.login, RFC.fixed).respond(Buffer.from(RFC.challenge)));
    expect(response).toContain('response=d388dad90d4bbd760a152321f2143af7');
    expect(response).toContain('username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001');
    expect(response).toContain('cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com"');
    expect(response).not.toContain('secret');
  });

  it('reads no more than it can be about, and that in no time', () => {
    const respond = (text: string): Buffer => new DigestMd5(RFC.login).respond(Buffer.from(text));
    expect(() => respond('a'.repeat(2 ** 20))).toThrow('the server says 1048576 bytes, which is not DIGEST-MD5');
    expect(() => respond('a'.repeat(2048))).toThrow('does not offer DIGEST-MD5');
  });

  it('believes a server that proves that it knows the password', () => {
    expect(() => begun().check(Buffer.from('rspauth=ea40f60335c427b5527b84dbabcdfffd'))).not.toThrow();
  });

  it.each([
    '',
    'rspauth=',
    'rspauth=ea40f60335c427b5527b84dbabcdfffe',
    'rspauth=d388dad90d4bbd760a152321f2143af7',
    'x',
  ])('believes no other: %j', (proof) => {
    expect(() => begun().check(Buffer.from(proof))).toThrow(SaslError);
  });

  it('believes nobody before it has answered', () => {
    expect(() => new DigestMd5(RFC.login).check(Buffer.from('rspauth='))).toThrow(SaslError);
  });

  it.each<[string, RegExp]>([
    ['', /not set up for SASL/],
    ['nonsense', /does not offer DIGEST-MD5/],
    ['nonce="n",algorithm=md5', /does not offer DIGEST-MD5/],
    ['nonce="n",algorithm=md5-sess,qop="auth-conf"', /does not offer DIGEST-MD5/],
    ['algorithm=md5-sess,qop="auth"', /does not offer DIGEST-MD5/],
  ])('does not answer the challenge %j', (challenge, why) => {
    expect(() => new DigestMd5(RFC.login).respond(Buffer.from(challenge))).toThrow(why);
  });

  it('draws another nonce for each exchange', () => {
    const [one, other] = [1, 2].map(() => String(new DigestMd5(RFC.login).respond(Buffer.from(RFC.challenge))));
    expect(one).not.toBe(other);
  });
});
