import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { Fields } from '../../../src/server/http/json-body.ts';
import { type JsonLimits, readJson as readBody } from '../../../src/server/http/json-read.ts';
import { HeapMemory } from '../../../src/server/limits/heap-memory.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo, type Wire } from '../../harness/wire.ts';

const http = createServer();
let connection: Wire | undefined;

afterEach(async () => {
  connection?.socket.destroy();
  await new Promise((resolve) => http.close(resolve));
});

/** A request with these headers and a part of its body. */
async function requestWith(headers: string, body: string): Promise<IncomingMessage> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const begun = new Promise<IncomingMessage>((resolve) => http.once('request', resolve));
  connection = await connectTo((http.address() as AddressInfo).port);
  connection.send(`POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`);
  return begun;
}

const limits = (size: number, idle = 0): JsonLimits => ({
  size,
  limit: 'json_size',
  idle,
  memory: new HeapMemory(new MemoryBudget(0)),
});
const readJson = async (req: IncomingMessage, bounds: JsonLimits) => new Fields((await readBody(req, bounds)).value);
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

  it('contract 95: charges for what it takes while it comes and once it is parsed, and gives back what is over', async () => {
    const budget = new MemoryBudget(2 * 1024 * 1024);
    const memory = new HeapMemory(budget);
    const text = JSON.stringify({ a: Array.from({ length: 5000 }, () => []) });
    const req = await requestWith(`Content-Length: ${text.length}`, text.slice(0, -1));
    const reading = readBody(req, { size: 1e6, limit: 'json_size', idle: 0, memory });
    await waitFor(() => budget.fixed >= text.length - 1);
    connection?.send('}');
    const { charged } = await reading;
    // Each of the empty arrays takes more memory than its three bytes.
    expect(charged).toBeGreaterThan(5000 * 64);
    expect(budget.fixed).toBe(charged);
    memory.give(charged);
    expect(budget.fixed).toBe(0);
  });

  it('contract 95: refuses a body for which there is no memory, and keeps nothing of it', async () => {
    const budget = new MemoryBudget(2 * 1024 * 1024);
    const text = JSON.stringify({ a: Array.from({ length: 9000 }, () => []) });
    const req = await requestWith(`Content-Length: ${text.length}`, text);
    await expect(
      readBody(req, { size: 1e6, limit: 'json_size', idle: 0, memory: new HeapMemory(budget) }),
    ).rejects.toMatchObject({
      code: 'MEMORY_LIMIT',
    });
    expect([budget.fixed, listeners(req)]).toEqual([0, 0]);
  });

  it('contract 95: has a separate bound on heap memory, however much memory there is', async () => {
    const memory = new HeapMemory(new MemoryBudget(0), 64 * 1024);
    const text = JSON.stringify({ a: 'x'.repeat(20_000) });
    const req = await requestWith(`Content-Length: ${text.length}`, text);
    await expect(readBody(req, { size: 1e6, limit: 'json_size', idle: 0, memory })).rejects.toMatchObject({
      code: 'MEMORY_LIMIT',
      details: { max: 16 * 1024 },
    });
  });
});
