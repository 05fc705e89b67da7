/**
 * Requests as the clients of AGFS make them: their headers, their encoding of queries and bodies, one persistent connection.
 * How they interpret the responses is in the tests.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';

export interface SdkResponse {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
  text: string;
  /** The body as JSON; throws if it is not JSON, as the clients do. */
  json: Record<string, unknown> & { error?: string; message?: string };
}

/** A body: none, bytes, a value sent as JSON, or pieces of unknown number. */
export type SdkBody = Uint8Array | { json: unknown } | { pieces: Iterable<string> } | undefined;

export class Sdk {
  private readonly base: URL;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  private readonly headers: Record<string, string>;
  private readonly bodyType: string | undefined;
  private readonly sortsQuery: boolean;

  /**
   * @param bodyType the content type of every body; undefined: only JSON bodies have one
   * @param sortsQuery whether query names are sorted, as in Go
   */
  constructor(url: string, headers: Record<string, string>, bodyType: string | undefined, sortsQuery: boolean) {
    this.base = new URL(url);
    this.headers = headers;
    this.bodyType = bodyType;
    this.sortsQuery = sortsQuery;
    onTestFinished(() => this.agent.destroy());
  }

  /** Sends a request, and returns the whole response. */
  async call(
    method: string,
    path: string,
    query: Record<string, string> = {},
    body?: SdkBody,
    type?: string,
  ): Promise<SdkResponse> {
    const res = await this.open(method, path, query, body, type);
    const pieces: Buffer[] = [];
    for await (const piece of res) pieces.push(piece as Buffer);
    const whole = Buffer.concat(pieces);
    return {
      status: res.statusCode ?? 0,
      headers: res.headers,
      body: whole,
      text: whole.toString(),
      get json() {
        return JSON.parse(whole.toString());
      },
    };
  }

  /** Sends a request, and returns the response as soon as its head has arrived. */
  open(
    method: string,
    path: string,
    query: Record<string, string> = {},
    body?: SdkBody,
    type?: string,
  ): Promise<IncomingMessage> {
    const names = Object.keys(query);
    if (this.sortsQuery) names.sort();
    const pairs = names.map((name) => `${name}=${encodeURIComponent(query[name]!).replace(/%20/g, '+')}`);
    const target = `/api/v1${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`;
    const headers: Record<string, string> = { ...this.headers };
    const data =
      body === undefined || 'pieces' in body
        ? undefined
        : 'json' in body
          ? Buffer.from(JSON.stringify(body.json))
          : body;
    const says = type ?? this.bodyType ?? (body !== undefined && 'json' in body ? 'application/json' : undefined);
    if (body !== undefined && says !== undefined) headers['Content-Type'] = says;
    if (body !== undefined && 'pieces' in body) headers['Transfer-Encoding'] = 'chunked';
    else if (data !== undefined || method !== 'GET') headers['Content-Length'] = String(data?.length ?? 0);
    const { hostname, port } = this.base;
    return new Promise((resolve, reject) => {
      const req = request({ host: hostname, port, method, path: target, headers, agent: this.agent }, resolve);
      req.on('error', reject);
      if (body !== undefined && 'pieces' in body) for (const piece of body.pieces) req.write(piece);
      req.end(data);
    });
  }
}

/** python-requests, as pyagfs and the shell use it. */
export function pythonSdk(url: string): Sdk {
  const headers = {
    'User-Agent': 'python-requests/2.32.5',
    'Accept-Encoding': 'gzip, deflate',
    Accept: '*/*',
    Connection: 'keep-alive',
  };
  return new Sdk(url, headers, undefined, false);
}

/** Go's net/http, as the Go SDK and the FUSE client use it: every body is declared to be JSON. */
export function goSdk(url: string): Sdk {
  return new Sdk(url, { 'User-Agent': 'Go-http-client/1.1', 'Accept-Encoding': 'gzip' }, 'application/json', true);
}
