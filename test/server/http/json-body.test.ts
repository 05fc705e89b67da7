import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { readJson } from '../../../src/server/http/json-body.ts';
import { type Wire, wire } from '../harness.ts';

const http = createServer();
let connection: Wire | undefined;

afterEach(async () => {
  connection?.socket.destroy();
  await new Promise((resolve) => http.close(resolve));
});

/** A request with these headers and so much of its body. */
async function requestWith(headers: string, body: string): Promise<IncomingMessage> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const begun = new Promise<IncomingMessage>((resolve) => http.once('request', resolve));
  connection = await wire((http.address() as AddressInfo).port);
  connection.send(`POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`);
  return begun;
}

const limits = (size: number, idle = 0) => ({ size, idle, memory: new MemoryBudget(0) });
const listeners = (req: IncomingMessage) => req.listenerCount('data') + req.listenerCount('error');

describe('reading a JSON body', () => {
  it('gives up a body that stops arriving', async () => {
    const req = await requestWith('Content-Length: 100', '{');
    await expect(readJson(req, limits(1000, 30))).rejects.toMatchObject({ code: 'BODY_TIMEOUT' });
    expect(listeners(req)).toBe(0);
  });

  it('says that a body broke off', async () => {
    const req = await requestWith('Transfer-Encoding: chunked', '1\r\n{\r\n');
    const reading = readJson(req, limits(1000));
    connection?.socket.destroy();
    await expect(reading).rejects.toMatchObject({ code: 'BODY_BROKE_OFF' });
  });

  it('stops at the limit, to the byte, and takes nothing beyond it', async () => {
    const req = await requestWith('Transfer-Encoding: chunked', '6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n');
    expect((await readJson(req, limits(7))).integer('a', 0, 1)).toBe(1);
    await new Promise((resolve) => http.close(resolve).closeAllConnections());
    const longer = await requestWith('Transfer-Encoding: chunked', '7\r\n{"a": 1\r\n1\r\n}\r\n0\r\n\r\n');
    await expect(readJson(longer, limits(7))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(listeners(longer)).toBe(0);
  });
});
