/** Arbitrary headers and links, and who gets in with them. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { type ErrorCode, isStreamFSError } from '../../src/errors/index.ts';
import { normalizePath } from '../../src/fs/path.ts';
import { type LinkRight, type Principal, RIGHTS, type Right } from '../../src/server/auth/index.ts';
import { parseTarget } from '../../src/server/http/target.ts';
import { Tokens } from '../../src/server/index.ts';
import { fuzz } from './run-length.ts';

const NOW = 1_900_000_000_000;

/** Secrets of tokens, some of them prefixes and variants of each other. */
const SECRETS = ['abcdefghijklmnop', 'abcdefghijklmnopq', 'ABCDEFGHIJKLMNOP', 'bearer-bearer-16', '!"#$%&()*+,-./:;<'];

const configured = (secret: string, paths: readonly string[], rights: readonly Right[] = RIGHTS) => ({
  name: `of ${secret}`,
  sha256: createHash('sha256').update(secret).digest('hex'),
  rights,
  paths,
});
const tokens = new Tokens(
  SECRETS.map((secret) => configured(secret, ['/**'])),
  { now: () => NOW },
);

/** Refusals of credentials. Other errors, such as that of an invalid path, may show their input. */
const REFUSALS: readonly ErrorCode[] = ['UNAUTHORIZED', 'LINK_INVALID', 'LINK_EXPIRED'];

/** The token that is accepted, or the code of the refusal, whose text must contain no secret of the input. */
function outcome(act: () => Principal, ...signatures: readonly string[]): Principal | ErrorCode {
  try {
    return act();
  } catch (error) {
    if (!isStreamFSError(error)) throw error;
    const text = JSON.stringify([error.message, error.details]);
    expect(text.length).toBeLessThan(1200);
    if (REFUSALS.includes(error.code)) {
      for (const secret of [...SECRETS, ...signatures]) expect(text).not.toContain(secret);
    }
    return error.code;
  }
}

const secret = fc.constantFrom(...SECRETS);
const odd = fc.oneof(
  fc.constantFrom('', ' ', '  ', '\t', ',', ';', '"', '=', '\0', '\u00a0', 'ü', 'Bearer', 'Basic'),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const header = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .tuple(odd, fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Bear', 'Basic', ''), odd, secret, odd)
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('Bearer ', 'bearer  ', 'Bearer\t', 'Bearer'), secret, fc.constantFrom('', ' ', '\n'))
    .map((parts) => parts.join('')),
  fc
    .tuple(
      fc.constantFrom('Basic ', 'basic  ', 'Basic'),
      fc.string({ maxLength: 5 }),
      secret,
      fc.constantFrom('', ' ', '='),
    )
    .map(([scheme, user, password, odd]) => scheme + Buffer.from(`${user}:${password}`).toString('base64') + odd),
);

/** A parser that works differently from the server's: scheme, spaces, token, spaces; or scheme, spaces, a pair in base64. */
function named(text: string): string | undefined {
  if (text.slice(0, 6).toLowerCase() === 'basic ') {
    const base64 = text.slice(6).replace(/^ +| +$/g, '');
    if (!/^[\w+/-]+={0,2}$/.test(base64)) return undefined;
    const [, ...password] = Buffer.from(base64, 'base64').toString('latin1').split(':');
    return SECRETS.find((one) => one === password.join(':'));
  }
  if (text.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  let [from, to] = [7, text.length];
  while (text[from] === ' ') from++;
  while (to > from && text[to - 1] === ' ') to--;
  return SECRETS.find((one) => one === text.slice(from, to));
}

const path = fc.constantFrom('/s/a', '/s/a/b', '/s/*', '/s/ü & = ? # +', '/', '/s/a%2Fb', '/s/..a');
const right = fc.constantFrom<LinkRight>('read', 'write');

/** One change to the address of a link. */
const mutation = fc.oneof(
  fc.record({ at: fc.nat(400), put: fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }), cut: fc.nat(2) }),
  fc.record({
    at: fc.nat(400),
    put: fc.constantFrom('/', '//', './', '%2F', '%2f', '%20', '+', '&', '=', 'A', '0', '-', '_', '%00', '&path=/s/x'),
    cut: fc.nat(1),
  }),
  fc.record({ at: fc.nat(400), put: fc.constant(''), cut: fc.integer({ min: 1, max: 60 }) }),
);

describe('forged credentials', () => {
  fuzz('lets in just who has a token, or an unchanged link', 'access', () =>
    fc.property(
      fc.array(header, { maxLength: 5 }),
      secret,
      right,
      path,
      fc.integer({ min: 1000, max: 86_400_000 }),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.array(mutation, { maxLength: 8 }),
      (headers, issuer, which, where, lifetime, mutations, more) => {
        for (const text of headers) {
          const known = named(text);
          const found = outcome(() => tokens.identify(text));
          const expected = known === undefined ? 'UNAUTHORIZED' : `of ${known}`;
          expect([text, typeof found === 'string' ? found : found.name]).toEqual([text, expected]);
        }

        const maker = tokens.identify(`Bearer ${issuer}`);
        const { expires, signature } = tokens.links.sign(maker, which, where, lifetime);
        const good = `path=${encodeURIComponent(where)}&expires=${expires}&signature=${signature}`;
        const admitted = (query: string, want = which) => {
          return outcome(() => tokens.links.admit(want, parseTarget(`/f?${query}`).query), signature);
        };

        const guest = admitted(good);
        if (typeof guest === 'string') throw new Error(`the link itself is refused: ${guest}`);
        for (const other of RIGHTS) expect(guest.may([other], where)).toBe(other === which);
        for (const near of [`${where}/x`, `${where}x`, '/s', '/s/b']) {
          expect(guest.may(RIGHTS, near)).toBe(normalizePath(near) === where);
        }
        expect(admitted(good, which === 'read' ? 'write' : 'read')).toBe('LINK_INVALID');

        // Each alone, then all of them.
        for (const changes of [...mutations.map((one) => [one]), ...more.map((one) => [one]), mutations]) {
          const bad = changes.reduce((text, { at, put, cut }) => {
            const place = at % (text.length + 1);
            return text.slice(0, place) + put + text.slice(place + cut);
          }, good);
          const result = admitted(bad);
          if (typeof result === 'string') continue;
          // If it is accepted all the same, it must mean the same: then the change was without effect.
          const { query } = parseTarget(`/f?${bad}`);
          expect([query.text('expires'), query.text('signature'), normalizePath(query.path())]).toEqual([
            String(expires),
            signature,
            where,
          ]);
        }
      },
    ),
  );
});
