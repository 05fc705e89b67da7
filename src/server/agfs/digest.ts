/** Checksums of files, computed on the server so that clients need not download the content. */

import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError, isStreamFSError, prefixed } from '../../errors/index.ts';
import { jsonOf } from '../http/json-body.ts';
import { sendJson } from '../http/respond.ts';
import { json } from '../http/responses.ts';
import type { Exchange, Route } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { field } from './parameters.ts';

/** Bytes hashed before yielding to the event loop: content in memory would otherwise be hashed in a single turn. */
const BYTES_PER_TURN = 1024 * 1024;

const require = createRequire(import.meta.url);

type Library = typeof import('hash-wasm');

/**
 * Loaded on first use, or shortly after startup, so that startup is not delayed. Not by `import`: Node caches a failed
 * import for the life of the process, so a server that lacked a file descriptor once could never compute a checksum.
 * The library has a file for each algorithm; the whole of it is ten times as large.
 */
const load = {
  md5: () => require('hash-wasm/dist/md5.umd.min.js') as Pick<Library, 'createMD5'>,
  xxh3: () => require('hash-wasm/dist/xxhash128.umd.min.js') as Pick<Library, 'createXXHash128'>,
};

/** Loads the hash modules while file descriptors are available. */
export function prepareDigest(): void {
  load.md5();
  load.xxh3();
}

const ALGORITHMS = {
  md5: { create: () => load.md5().createMD5(), shown: (digest: string) => digest },
  // AGFS returns the low half of the 128-bit hash; the digest is written high half first.
  xxh3: { create: () => load.xxh3().createXXHash128(), shown: (digest: string) => digest.slice(16) },
} as const;

export const digest: Route = {
  method: 'POST',
  pattern: '/api/v1/digest',
  summary: 'The checksum of a file. A stream has none.',
  permission: 'read somewhere',
  answers: [json(200, 'Digest', 'The checksum, in hexadecimal digits.')],
  errors: ['UNSUPPORTED_ALGORITHM', 'USE_STREAM_MODE', 'DEVICE_HAS_NO_END'],
  parameters: [
    field('algorithm', 'string', true, '`xxh3` (16 hexadecimal digits) or `md5`.', undefined, {
      values: ['xxh3', 'md5'],
    }),
    field('path', 'string', true, 'Absolute path of the file.'),
  ],
  async handle(exchange) {
    const body = await jsonOf(exchange);
    const algorithm = body.text('algorithm') ?? '';
    if (!isAlgorithm(algorithm)) throw createError('UNSUPPORTED_ALGORITHM', { algorithm: shorten(algorithm) });
    const path = body.requiredText('path');
    exchange.caller?.require(['read'], path);
    try {
      sendJson(exchange, 200, { algorithm, path, digest: await digestOf(exchange, path, algorithm) });
    } catch (error) {
      throw isStreamFSError(error) ? prefixed('failed to calculate digest: ', error) : error;
    }
  },
};

function isAlgorithm(name: string): name is keyof typeof ALGORITHMS {
  return Object.hasOwn(ALGORITHMS, name);
}

async function digestOf({ server, signal }: Exchange, path: string, algorithm: keyof typeof ALGORITHMS) {
  const info = await server.mounts.stat(path);
  // Some devices have no end.
  if (info.meta.Type === 'device') throw createError('NOT_SUPPORTED', { operation: 'digest', plugin: info.meta.Name });
  const content = await server.mounts.open(path);
  const hash = await ALGORITHMS[algorithm].create();
  hash.init();
  let turn = 0;
  for await (const piece of content) {
    hash.update(piece);
    turn += piece.length;
    if (turn < BYTES_PER_TURN) continue;
    turn = 0;
    await nextTurn();
    if (signal.aborted) break;
  }
  return ALGORITHMS[algorithm].shown(hash.digest('hex'));
}
