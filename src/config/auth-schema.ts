/** The part of the configuration schema for tokens, rights and links. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createError } from '../errors/index.ts';
import { formatDuration, parseDuration } from '../units/index.ts';
import { DEFAULT_LINKS } from './defaults.ts';
import { defaultBounds, type TokenLimits } from './limits.ts';
import { part } from './limits-schema.ts';
import { parsedWith } from './parsed-with.ts';
import type { TokenConfig } from './types.ts';

const MIN_TOKEN_LENGTH = 16;

const path = parsedWith(z.string(), (text) => {
  if (text.startsWith('/') && !text.split('/').some((part) => part.length > 2 && part.includes('**'))) return text;
  throw createError('CONFIG_INVALID', {
    reason: `invalid pattern: ${JSON.stringify(text.slice(0, 100))} (expected a path such as /streamfs/live, /streamfs/*, /streamfs/**)`,
  });
});

/** Keys of `limits` of a token. */
export const tokenLimits = z.strictObject({
  connections: part.optional().describe('Its connections.'),
  handles: part.optional().describe('Its open handles.'),
  readers: part.optional().describe('Its live reads.'),
  searches: part.optional().describe('Its concurrent searches.'),
  streams: part.optional().describe('Streams that it has created.'),
});

/** Keys of an item of `server.tokens`. */
export const token = z
  .strictObject({
    name: z.string().min(1).describe('Its name in errors and logs.'),
    token: z.string().optional().describe('The token itself, at least 16 characters.'),
    token_sha256: z.string().optional().describe('The SHA-256 of the token instead, 64 hexadecimal digits.'),
    rights: z
      .array(z.enum(['read', 'write', 'admin']))
      .min(1)
      .describe('The rights that it grants.'),
    limits: tokenLimits
      .optional()
      .describe('Its limits, instead of `server.limits.token_…`: a number or a share, 0 for any number.'),
    paths: z
      .array(path)
      .min(1)
      .describe('Paths to which the rights apply: `*` stands for one part of a path, `**` for any number of parts.'),
  })
  .describe('A token.');

const LEAST_LIFETIME = 1000;

const lifetime = parsedWith(
  z.union([z.string(), z.number()], { error: () => "must be a duration string (e.g., '24h') or number of seconds" }),
  (value) => {
    const milliseconds = parseDuration(value);
    if (milliseconds >= LEAST_LIFETIME) return milliseconds;
    throw createError('CONFIG_INVALID', {
      reason: `invalid duration: ${formatDuration(milliseconds)} (expected 1s to 576h: links always expire)`,
    });
  },
);

/** Keys of `server.links`. */
export const links = z.strictObject({
  key_file: z
    .string()
    .default(DEFAULT_LINKS.key_file)
    .describe(
      'A file with the key of signed links, 32 to 4096 bytes. None: a random key, so that links end with the process.',
    ),
  max_lifetime: lifetime.prefault(DEFAULT_LINKS.max_lifetime).describe('Maximum lifetime of a signed link.'),
});

export const access = {
  tokens: z
    .array(parsedWith(token, tokenOf))
    .prefault([])
    .describe('Who may do what. With tokens, every request needs one; without, none does.'),
  links: links.prefault({}).describe('Signed links, which are valid for one path without a token.'),
  allowed_hosts: z
    .array(parsedWith(z.string(), hostOf))
    .prefault([])
    .describe(
      'Host names that a server on loopback answers to, in addition to `127.0.0.0/8`, `[::1]` and `localhost`.',
    ),
};

/** Limits it does not name default to those of the server. */
export interface WrittenToken extends Omit<TokenConfig, 'limits'> {
  limits: { readonly [Name in keyof TokenLimits]?: TokenLimits[Name] | undefined };
}

/**
 * The tokens, each with its limits. `standard` applies to limits that a token does not name. With only one token, the
 * built-in defaults are left out: there is no other token to leave room for.
 */
export function tokensOf(tokens: readonly WrittenToken[], standard: TokenLimits): TokenConfig[] {
  const shared = tokens.length === 1 ? withoutDefaults(standard) : standard;
  return tokens.map((token) => {
    const own = Object.entries(token.limits).filter(([, value]) => value !== undefined);
    return { ...token, limits: { ...shared, ...Object.fromEntries(own) } };
  });
}

function withoutDefaults(limits: TokenLimits): TokenLimits {
  const defaults = defaultBounds().token;
  const of = (name: keyof TokenLimits) => (limits[name] === defaults[name] ? 0 : limits[name]);
  return {
    connections: of('connections'),
    handles: of('handles'),
    readers: of('readers'),
    searches: of('searches'),
    streams: of('streams'),
  };
}

/** Accepts only what a Host header can match: a name or an address, without the port. */
function hostOf(text: string): string {
  const isHost = text.startsWith('[') ? /^\[[0-9a-f:.]+\]$/i.test(text) : /^[^\s/:@?#*[\]\\]+$/.test(text);
  if (isHost) return text;
  throw createError('CONFIG_INVALID', {
    reason: `invalid host: ${JSON.stringify(text.slice(0, 100))} (expected a name or an address without scheme and port, such as streams.example or [fd00::1])`,
  });
}

function tokenOf({
  name,
  token: plain,
  token_sha256: hash,
  rights,
  paths,
  limits,
}: z.output<typeof token>): WrittenToken {
  if ((plain === undefined) === (hash === undefined)) {
    throw createError('CONFIG_INVALID', { reason: 'needs either token or token_sha256' });
  }
  if (plain !== undefined && (plain.length < MIN_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(plain))) {
    throw createError('CONFIG_INVALID', {
      reason: `token must be at least ${MIN_TOKEN_LENGTH} visible ASCII characters without spaces`,
    });
  }
  if (hash !== undefined && !/^[0-9a-f]{64}$/i.test(hash)) {
    throw createError('CONFIG_INVALID', { reason: 'token_sha256 must be 64 hexadecimal digits' });
  }
  const sha256 = hash?.toLowerCase() ?? createHash('sha256').update(plain!, 'utf8').digest('hex');
  return { name, sha256, rights, paths, limits: limits ?? {} };
}
