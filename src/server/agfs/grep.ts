/** Searching files for lines that match a regular expression (contract 47, 66). */

import { once } from 'node:events';
import { createError, isStreamFSError, prefixed } from '../../errors/index.ts';
import type { FileInfo } from '../../fs/index.ts';
import { type GrepMatch, JSON_MEDIA_TYPE, NDJSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { ChargedText, sendSized } from '../egress/index.ts';
import { Matcher } from '../grep/matcher.ts';
import { type Pattern, parsePattern } from '../grep/pattern.ts';
import { type Search, searchFile, searchTree } from '../grep/search.ts';
import { Slots } from '../grep/slots.ts';
import { RESPONSE_HEADERS } from '../http/headers.ts';
import { jsonOf } from '../http/json-body.ts';
import { errorBody } from '../http/respond.ts';
import type { Exchange, Route } from '../http/route.ts';
import { field } from './parameters.ts';

/** Concurrent searches, for all servers of the process. Each uses a thread. */
const slots = new Slots(2);

/** Maximum number of matches, and of characters in them, in one response that is not streamed. */
const MAX_COLLECTED = 100_000;
const MAX_COLLECTED_LENGTH = 32 * 1024 * 1024;

export const grep: Route = {
  method: 'POST',
  pattern: '/api/v1/grep',
  summary: 'Searches a file, or a directory tree, for lines that match a regular expression.',
  permission: 'read somewhere',
  answers: [
    {
      status: 200,
      description: 'The matches; with `stream` one JSON text per line, then a summary.',
      content: { [JSON_MEDIA_TYPE]: 'Matches', [NDJSON_MEDIA_TYPE]: 'text' },
    },
  ],
  errors: ['INVALID_PATTERN', 'GREP_NEEDS_RECURSIVE', 'GREP_TOO_SLOW', 'USE_STREAM_MODE'],
  parameters: [
    field('path', 'string', true, 'Absolute path of the file or directory.'),
    field('pattern', 'string', true, 'A regular expression, in JavaScript syntax; may begin with `(?i)`.'),
    field('recursive', 'boolean', false, 'Search a directory. Streams and devices in it are skipped.', 'false'),
    field('case_insensitive', 'boolean', false, 'Ignore case.', 'false'),
    field(
      'stream',
      'boolean',
      false,
      'Send each match as it is found, one JSON text per line, then a summary.',
      'false',
    ),
    field('limit', 'integer', false, 'Stop after this many matches; 0 for no limit.', '0', { min: 0 }),
  ],
  async handle(exchange) {
    const { signal } = exchange;
    const body = await jsonOf(exchange);
    const path = body.requiredText('path');
    const pattern = parsePattern(body.requiredText('pattern'), body.boolean('case_insensitive') ?? false);
    const recursive = body.boolean('recursive') ?? false;
    if (recursive) exchange.caller?.requireBelow('read', path);
    else exchange.caller?.require(['read'], path);
    const streamed = body.boolean('stream') ?? false;
    const limit = body.integer('limit', 0, Number.MAX_SAFE_INTEGER) || Number.POSITIVE_INFINITY;
    const info = await statOf(exchange, path);
    if (info.isDir && !recursive) throw createError('GREP_NEEDS_RECURSIVE');
    if (info.meta.Type === 'stream') throw prefixed('grep failed: ', createError('USE_STREAM_MODE'));
    if (info.meta.Type === 'device') throw createError('NOT_SUPPORTED', { operation: 'grep', plugin: info.meta.Name });
    const { caller, server } = exchange;
    const run = (act: (matches: AsyncIterable<GrepMatch>) => Promise<void>) => {
      const work = () =>
        withSearch(exchange, pattern, (search) =>
          act(info.isDir ? searchTree(search, path) : searchFile(search, path)),
        );
      return slots.run(signal, caller?.account, work, () => server.limits.counters.hit('token_searches'));
    };
    if (streamed) await run((matches) => sendStreamed(exchange, matches, limit));
    else await sendCollected(exchange, limit, run);
  },
};

async function statOf({ server }: Exchange, path: string): Promise<FileInfo> {
  try {
    return await server.mounts.stat(path);
  } catch (error) {
    throw isStreamFSError(error) ? prefixed('failed to stat path: ', error) : error;
  }
}

async function withSearch(exchange: Exchange, pattern: Pattern, act: (search: Search) => Promise<void>) {
  const { server, signal } = exchange;
  const matcher = new Matcher(pattern, server.grepTimeLimit);
  const stop = () => void matcher.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await act({ fileSystem: server.mounts, matcher, logger: server.logger, signal });
  } finally {
    signal.removeEventListener('abort', stop);
    await matcher.close();
  }
}

/**
 * Sends all matches in one response. The text is assembled in pieces, each charged when it is added, and sent after the
 * search: a client that reads slowly does not hold up the searches of others.
 */
async function sendCollected(
  { res, server }: Exchange,
  limit: number,
  run: (act: (matches: AsyncIterable<GrepMatch>) => Promise<void>) => Promise<void>,
): Promise<void> {
  const response = new ChargedText(server.limits.sharedBuffers);
  try {
    await run(async (matches) => {
      const { count, truncated } = await collect(response, matches, limit);
      response.add(`],"count":${count}${truncated ? ',"truncated":true' : ''}}\n`);
    });
    const headers = { ...RESPONSE_HEADERS, 'Content-Type': JSON_MEDIA_TYPE };
    await sendSized(res, response.content(), server.limits, headers);
  } catch (error) {
    throw isStreamFSError(error) ? prefixed('grep failed: ', error) : error;
  } finally {
    response.release();
  }
}

async function collect(response: ChargedText, matches: AsyncIterable<GrepMatch>, limit: number) {
  let count = 0;
  let length = 0;
  response.add('{"matches":[');
  for await (const match of matches) {
    response.add(`${count === 0 ? '' : ','}${JSON.stringify(match)}`);
    count += 1;
    length += match.content.length;
    if (count >= limit) break;
    if (count >= MAX_COLLECTED || length >= MAX_COLLECTED_LENGTH) return { count, truncated: true };
  }
  return { count, truncated: false };
}

async function sendStreamed(exchange: Exchange, matches: AsyncIterable<GrepMatch>, limit: number): Promise<void> {
  const { res, server, signal } = exchange;
  res.writeHead(200, { ...RESPONSE_HEADERS, 'Content-Type': NDJSON_MEDIA_TYPE, 'Cache-Control': 'no-store' });
  res.flushHeaders();
  const summary: Record<string, unknown> = { type: 'summary', count: 0 };
  let count = 0;
  try {
    for await (const match of matches) {
      count += 1;
      if (!res.write(`${JSON.stringify(match)}\n`)) await once(res, 'drain', { signal });
      if (count >= limit) break;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!isStreamFSError(error)) server.logger.error('search failed', { error: String(error) });
    Object.assign(summary, errorBody(isStreamFSError(error) ? error : createError('INTERNAL')));
  }
  res.end(`${JSON.stringify({ ...summary, count })}\n`);
}
