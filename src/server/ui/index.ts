/**
 * The page at `/ui/`: files that were built with the package and are served from memory (contract 103). It needs no token,
 * since it holds nothing: what it shows it asks the API for, with the token that its user gives it.
 */
import { createError } from '../../errors/index.ts';
import { root } from '../agfs/status.ts';
import { acceptedRanges, acceptsCoding } from '../http/accept.ts';
import { message, type RouteAnswer } from '../http/answers.ts';
import { hasCopy } from '../http/conditional.ts';
import { READ_HEADERS } from '../http/headers.ts';
import { sendBytes, sendMessage } from '../http/respond.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { BuiltPage } from './built-page.ts';
import { policyOf } from './policies.ts';

/** A year: names of files that may be kept change with their content. */
const KEPT = 'public, max-age=31536000, immutable';

const COMMON = { method: 'GET', permission: 'nothing', navigable: true, parameters: [] } as const;

const TO_PAGE = message(302, 'the page is at ui/');
const HAS_COPY: RouteAnswer = { status: 304, description: 'It is the one that the client has (`If-None-Match`).' };
const DOCUMENT: RouteAnswer = {
  status: 200,
  description: 'A document of the page.',
  content: { 'text/html': 'text' },
};
const ASSET: RouteAnswer = {
  status: 200,
  description: 'The file, compressed where the client takes that.',
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

/** @param folder with the built page */
export function uiRoutes(folder: string): readonly Route[] {
  const page = new BuiltPage(folder);
  return [
    {
      ...COMMON,
      pattern: '/',
      summary: 'Sends a browser to the page, and tells programs what this is.',
      answers: [...root.answers, TO_PAGE],
      async handle(exchange) {
        vary(exchange, 'Accept');
        if (wantsPage(exchange.req.headers.accept)) redirect(exchange, 'ui/');
        else await root.handle(exchange);
      },
    },
    {
      ...COMMON,
      pattern: '/ui/',
      summary: 'The page: streams, what is in them, who reads them. Without the slash it leads here.',
      answers: [DOCUMENT, TO_PAGE, HAS_COPY],
      errors: ['ROUTE_NOT_FOUND'],
      async handle(exchange) {
        // Addresses within the page are relative to the slash at the end.
        if (/^[^?]*\/$/.test(exchange.req.url ?? '')) await send(exchange, page, 'index.html');
        else redirect(exchange, 'ui/');
      },
    },
    {
      ...COMMON,
      ...FILE,
      pattern: '/ui/:name',
      summary: 'A further document of the page.',
      answers: [{ ...ASSET, content: { ...DOCUMENT.content, ...ASSET.content } }, HAS_COPY],
      handle: (exchange) => send(exchange, page, exchange.params.name ?? ''),
    },
    {
      ...COMMON,
      ...FILE,
      pattern: '/ui/assets/:name',
      summary: 'Scripts and styles of the page.',
      answers: [ASSET, HAS_COPY],
      handle: (exchange) => send(exchange, page, `assets/${exchange.params.name}`),
    },
  ];
}

/** Whether it is a browser that asks for a document: a program that takes anything gets what is for programs. */
function wantsPage(accept = ''): boolean {
  return (acceptedRanges(accept).get('text/html') ?? 0) > 0;
}

/** Seen from the address that was asked for: a proxy may have the server below a path of its own. */
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
    'Cache-Control': file.hashed ? KEPT : 'no-cache',
    ETag: etag,
  };
  if (hasCopy(copy, etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  const coded = coding === undefined ? {} : { 'Content-Encoding': coding };
  // Without the server, which would charge for bytes that are there once for all.
  sendBytes({ req, res }, bytes, { ...headers, ...coded, 'Content-Type': file.type });
}

function vary({ res }: Pick<Exchange, 'res'>, header: string): void {
  const others = res.getHeader('Vary');
  res.setHeader('Vary', others === undefined ? header : `${String(others)}, ${header}`);
}
