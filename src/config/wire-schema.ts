/** The part of the configuration schema for connections: TLS, and pages of other origins. */
import { z } from 'zod';
import { createError } from '../errors/index.ts';
import { parsedWith } from './parsed-with.ts';

export const tls = z.strictObject({
  certificate: z
    .string()
    .min(1)
    .describe(
      'The certificate, a PEM file, relative to this file, with its chain. With certificate and key, the server uses TLS.',
    ),
  key: z.string().min(1).describe('Its private key, a PEM file, not encrypted. SIGHUP reads both again.'),
});

export const cors = z.strictObject({
  origins: z
    .array(parsedWith(z.string(), originOf))
    .prefault([])
    .describe(
      'Origins whose pages may use this server from within a browser, such as https://app.example. Its own always may.',
    ),
});

/** Keys of `server`. */
export const wire = {
  tls: tls.optional().describe('Certificate and key. Default: no TLS.'),
  cors: cors.prefault({}).describe('Pages of other origins.'),
};

/** Accepts an origin only in its normalised form, as browsers send it: no other form would ever match. */
export function originOf(text: string): string {
  const { origin, protocol } = parsed(text);
  if (text.includes('*')) {
    throw invalid(text, 'patterns are not allowed: they would match origins that were not meant; name each origin');
  }
  if (origin === text && (protocol === 'http:' || protocol === 'https:')) return origin;
  if (protocol === 'http:' || protocol === 'https:') throw invalid(text, `expected ${origin}`);
  throw invalid(text, 'expected scheme, host and port, such as https://app.example or http://localhost:5173');
}

function parsed(text: string): { origin?: string | undefined; protocol?: string | undefined } {
  return URL.canParse(text) ? new URL(text) : {};
}

function invalid(text: string, expected: string) {
  return createError('CONFIG_INVALID', {
    reason: `invalid origin: ${JSON.stringify(text.slice(0, 100))} (${expected})`,
  });
}
