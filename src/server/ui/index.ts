/**
 * The page at `/ui/`: files that were built with the package and are served from memory (contract 103). It needs no
 * token, since it contains no data: it gets its data from the API, with the token that its user enters.
 */
import { createError } from '../../errors/index.ts';
import { root } from '../agfs/status.ts';
import { acceptedRanges, acceptsCoding } from '../http/accept.ts';
import { etagMatches } from '../http/conditional.ts';
import { READ_HEADERS } from '../http/headers.ts';
import { sendBytes, sendMessage } from '../http/respond.ts';
import { message, type RouteResponse } from '../http/responses.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { BuiltPage } from './built-page.ts';
import { policyOf } from './policies.ts';

/** A year: the name of a cacheable file changes with its content. */
const CACHE_FOREVER = 'public, max-age=31536000, immutable';

const COMMON = { method: 'GET', permission: 'nothing', navigable: true, parameters: [] } as const;

const REDIRECT = message(302, 'the page is at ui/');
const NOT_MODIFIED: RouteResponse = { status: 304, description: 'The client already has it (`If-None-Match`).' };
const DOCUMENT: RouteResponse = {
  status: 200,
  description: 'A document of the page.',
  content: { 'text/html': 'text' },
};
const ASSET: RouteResponse = {
  status: 200,
  description: 'The file, compressed if the client accepts that.',
  content: { 'text/*': 'bytes', 'image/*': 'bytes', 'font/*': 'bytes', 'application/*': 'bytes' },
};
const NAME: RouteParameter = {
  name: 'name',
  in: 'path',
  type: 'string',
  required: true,
  description: 'The name of a file that was built with the page.',
};
const FILE = { parameters: [NAME], errors: ['ROUTE_NOT_FOUND'] } as const;

/** @param folder the folder with the built page */
export function uiRoutes(folder: string): readonly Route[] {
  const page = new BuiltPage(folder);
  return [
    {
      ...COMMON,
      pattern: '/',
      summary: 'Redirects a browser to the page, and identifies the service to programs.',
      answers: [...root.answers, REDIRECT],
      async handle(exchange) {
        vary(exchange, 'Accept');
        if (wantsPage(exchange.req.headers.accept)) redirect(exchange, 'ui/');
        else await root.handle(exchange);
      },
    },
    {
      ...COMMON,
      pattern: '/ui/',
      summary: 'The page: streams, their contents and their readers. Without the slash, redirects here.',
      answers: [DOCUMENT, REDIRECT, NOT_MODIFIED],
      errors: ['ROUTE_NOT_FOUND'],
      async handle(exchange) {
        // URLs within the page are relative to the trailing slash.
        if (/^[^?]*\/$/.test(exchange.req.url ?? '')) await send(exchange, page, 'index.html');
        else redirect(exchange, 'ui/');
      },
    },
    {
      ...COMMON,
      ...FILE,
      pattern: '/ui/:name',
      summary: 'Another document of the page.',
      answers: [{ ...ASSET, content: { ...DOCUMENT.content, ...ASSET.content } }, NOT_MODIFIED],
      handle: (exchange) => send(exchange, page, exchange.params.name ?? ''),
    },
    {
      ...COMMON,
      ...FILE,
      pattern: '/ui/assets/:name',
      summary: 'Scripts and styles of the page.',
      answers: [ASSET, NOT_MODIFIED],
      handle: (exchange) => send(exchange, page, `assets/${exchange.params.name}`),
    },
  ];
}

/** Whether a browser requests a document: a program that accepts any type gets the JSON response. */
function wantsPage(accept = ''): boolean {
  return (acceptedRanges(accept).get('text/html') ?? 0) > 0;
}

/** The location is relative to the requested URL, because a proxy may serve the server below another path. */
function redirect(exchange: Exchange, to: string): void {
  sendMessage(exchange, 302, `the page is at ${to}`, { Location: to });
}

async function send({ req, res }: Exchange, page: BuiltPage, name: string): Promise<void> {
  const file = await page.file(name);
  if (file === undefined) throw createError('ROUTE_NOT_FOUND', { method: 'GET', route: `/ui/${shorten(name)}` });
  const { 'accept-encoding': codings, 'if-none-match': copy } = req.headers;
  const { coding, bytes, etag } =
    file.variants.find((variant) => variant.coding !== undefined && acceptsCoding(codings, variant.coding)) ??
    file.variants.at(-1)!;
  vary({ res }, 'Accept-Encoding');
  const headers = {
    ...READ_HEADERS,
    'Content-Security-Policy': policyOf(name),
    'Cache-Control': file.hashed ? CACHE_FOREVER : 'no-cache',
    ETag: etag,
  };
  if (etagMatches(copy, etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  const coded = coding === undefined ? {} : { 'Content-Encoding': coding };
  // Without `server`, which would charge for bytes that are in memory anyway.
  sendBytes({ req, res }, bytes, { ...headers, ...coded, 'Content-Type': file.type });
}

function vary({ res }: Pick<Exchange, 'res'>, header: string): void {
  const others = res.getHeader('Vary');
  res.setHeader('Vary', others === undefined ? header : `${String(others)}, ${header}`);
}
