/** The programs of docs/websocket.md run, and its tables match the code. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { CLOSE_CODES, TOKEN_SUBPROTOCOL_PREFIX, WEBSOCKET_SUBPROTOCOLS } from '../../src/protocol/index.ts';
import { Tokens } from '../../src/server/index.ts';
import { waitFor } from '../harness/wait.ts';
import { token } from '../server/auth/tokens.ts';
import { type StartOptions, start } from '../server/harness.ts';
import { blocksOf } from './markdown.ts';
import { page } from './pages.ts';

const PAGE = page('docs/websocket.md').text;
const [reading, authorised, writing] = blocksOf(PAGE)
  .filter(({ language }) => language === 'js')
  .map(({ text }) => text);

const AsyncFunction = (async () => undefined).constructor as new (
  ...source: string[]
) => (...given: unknown[]) => Promise<{ ws: WebSocket }>;

/** Runs a program of the page with a server that has a stream; returns its output. */
async function run(program: string | undefined, options: StartOptions = {}) {
  const server = await start({ mounted: { '/streamfs': 'streamfs' }, ...options });
  const printed: unknown[] = [];
  const body = `${program!.replaceAll('127.0.0.1:8080', `127.0.0.1:${server.port}`)}\nreturn { ws };`;
  const { ws } = await new AsyncFunction('WebSocket', 'console', body)(WebSocket, {
    log: (value: unknown) => printed.push(value),
  });
  onTestFinished(() => ws.terminate());
  return { server, printed, ws };
}

describe('docs/websocket.md', () => {
  it('shows how to read', async () => {
    const { server, printed } = await run(reading);
    await waitFor('the live end', () => printed.length === 2);
    await server.mounts.write('/streamfs/log', Buffer.from('one\n'));
    await waitFor('the bytes', () => printed.length === 3);
    expect(printed).toMatchObject([{ type: 'open', offset: 0 }, { type: 'caught-up' }, 'one\n']);
  });

  it('shows how to write, and the response', async () => {
    const { server, printed } = await run(writing);
    await waitFor('the acknowledgement', () => printed.length === 2);
    expect(printed).toMatchObject([{ type: 'open' }, { type: 'ack', seq: 0, offset: 24 }]);
    expect((await server.call('GET', '/files?path=/streamfs/log&snapshot=true')).text).toBe(
      'one message, one append\n',
    );
  });

  it('shows how a page sends its token', async () => {
    const mine = { ...token('mine', ['read'], '/**'), sha256: MY_TOKEN };
    const { ws } = await run(authorised, { tokens: new Tokens([mine]) });
    await waitFor('the connection', () => ws.readyState === WebSocket.OPEN);
    expect(ws.protocol).toBe(WEBSOCKET_SUBPROTOCOLS.records);
  });

  it('names each close code that is sent, and the subprotocols', () => {
    const sent = Object.entries(CLOSE_CODES).filter(([name]) => !['none', 'abnormal', 'status'].includes(name));
    const section = PAGE.slice(PAGE.indexOf('## How a connection ends'));
    for (const [, code] of sent) expect(section).toContain(String(code));
    expect(section).toContain(`${CLOSE_CODES.status} + N`);
    for (const name of [...Object.values(WEBSOCKET_SUBPROTOCOLS), TOKEN_SUBPROTOCOL_PREFIX]) {
      expect(PAGE).toContain(`\`${name}`);
    }
  });
});

/** The SHA-256 of `my-token`. */
const MY_TOKEN = 'fece50d2287f7245aea5819b75f95ee8bec295a14f8ef1e7a31f17f1dae9df44';
