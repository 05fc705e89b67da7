/** `GET /api/v1/openapi.json`: the description of the API for tools, made once (contract 104). */
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { json } from '../http/answers.ts';
import { hasCopy, tagOf } from '../http/conditional.ts';
import { READ_HEADERS } from '../http/headers.ts';
import { sendBytes } from '../http/respond.ts';
import type { Route } from '../http/route.ts';
import { openApiDocument } from './document.ts';

interface Made {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** By the routes that it describes: of each server one. */
const made = new WeakMap<readonly Route[], Made>();

export const openApi: Route = {
  method: 'GET',
  pattern: '/api/v1/openapi.json',
  summary: 'This API as an OpenAPI 3.1 document.',
  permission: 'nothing',
  answers: [
    json(200, 'OpenApi', 'The document.'),
    { status: 304, description: 'It is the one that the client has (`If-None-Match`).' },
  ],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { req, res, server } = exchange;
    const { bytes, etag } = documentOf(server.routes, server.version.version);
    const headers = { 'Content-Type': JSON_MEDIA_TYPE, 'Cache-Control': 'no-cache', ETag: etag };
    if (hasCopy(req.headers['if-none-match'], etag)) res.writeHead(304, { ...READ_HEADERS, ...headers }).end();
    else sendBytes(exchange, bytes, headers);
  },
};

function documentOf(routes: readonly Route[], version: string): Made {
  let one = made.get(routes);
  if (one === undefined) {
    const bytes = Buffer.from(`${JSON.stringify(openApiDocument(routes, version), null, 1)}\n`);
    one = { bytes, etag: `"${tagOf(bytes)}"` };
    made.set(routes, one);
  }
  return one;
}
