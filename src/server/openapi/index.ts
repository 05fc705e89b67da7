/** `GET /api/v1/openapi.json`: the description of the API for tools, generated once (contract 104). */
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { etagMatches, tagOf } from '../http/conditional.ts';
import { READ_HEADERS } from '../http/headers.ts';
import { sendBytes } from '../http/respond.ts';
import { json } from '../http/responses.ts';
import type { Route } from '../http/route.ts';
import { openApiDocument } from './document.ts';

interface OpenApiFile {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** Cached by the routes of a server. */
const files = new WeakMap<readonly Route[], OpenApiFile>();

export const openApi: Route = {
  method: 'GET',
  pattern: '/api/v1/openapi.json',
  summary: 'This API as an OpenAPI 3.1 document.',
  permission: 'nothing',
  answers: [
    json(200, 'OpenApi', 'The document.'),
    { status: 304, description: 'The client already has it (`If-None-Match`).' },
  ],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { req, res, server } = exchange;
    const { bytes, etag } = documentOf(server.routes, server.version.version);
    const headers = { 'Content-Type': JSON_MEDIA_TYPE, 'Cache-Control': 'no-cache', ETag: etag };
    if (etagMatches(req.headers['if-none-match'], etag)) res.writeHead(304, { ...READ_HEADERS, ...headers }).end();
    else sendBytes(exchange, bytes, headers);
  },
};

function documentOf(routes: readonly Route[], version: string): OpenApiFile {
  let one = files.get(routes);
  if (one === undefined) {
    const bytes = Buffer.from(`${JSON.stringify(openApiDocument(routes, version), null, 1)}\n`);
    one = { bytes, etag: `"${tagOf(bytes)}"` };
    files.set(routes, one);
  }
  return one;
}
