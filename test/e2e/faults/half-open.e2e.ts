/** Peers whose address disappears without a FIN or a reset. Only a probe (TCP keepalive) or unacknowledged data reveals it. */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { start } from '../harness/commands.ts';
import { cable, canHaveNamespaces, type Machine } from '../harness/namespaces.ts';
import { peer } from '../harness/peer.ts';
import { type ProbedServer, probed } from '../harness/probed.ts';

const PATH = '/streamfs/live';

/** Queries the server from its own machine. */
async function facts(at: ProbedServer, machine: Machine): Promise<Record<string, string> | undefined> {
  const [command = '', ...args] = machine.run;
  const url = `http://127.0.0.1:${at.port}/api/v1/stat?path=${PATH}`;
  const { stdout } = await start(command, [...args, 'curl', '-sS', url]).result();
  return (JSON.parse(stdout) as { meta?: { Content: Record<string, string> } }).meta?.Content;
}

// Without network namespaces no address can be removed; CI runs as root and has them.
describe.runIf(canHaveNamespaces())('a peer whose address is gone', () => {
  it('contract 26: is gone itself after server.tcp_keepalive and ten seconds, reader or writer', async () => {
    const { left, right, unplug } = cable();
    const at = await probed({
      under: left.run,
      host: '0.0.0.0',
      serve: ['--no-auth'],
      server: { tcp_keepalive: '1s' },
    });
    const ask = (bytes: string) => {
      const one = peer(at.port, left.address, right.run);
      one.stdin.write(bytes);
      return one;
    };
    const before = await at.process.ask<{ objects: Record<string, number> }>('level');
    const raw = ask(`GET /api/v1/files?path=${PATH}&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const framed = ask(
      `GET /api/v1/files?path=${PATH}&stream=true&format=frames&heartbeat=0 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    const writer = ask(
      `PUT /api/v1/files?path=${PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    );
    for (const reader of [raw, framed]) await reader.stdout.until('hello');
    expect(await facts(at, left)).toMatchObject({ active_readers: '2', total_written: '5' });
    unplug();
    await waitFor('the readers to be gone', async () => (await facts(at, left))?.active_readers === '0');
    // The writer's body is incomplete, and its connection is closed too.
    await waitFor('nothing of them to be left', async () => {
      const { objects } = await at.process.ask<{ objects: Record<string, number> }>('level');
      return ['Socket', 'Reader', 'IncomingMessage', 'ServerResponse'].every(
        (kind) => objects[kind]! <= before.objects[kind]!,
      );
    });
    expect([raw, framed, writer].every((one) => one.isRunning)).toBe(true);
    expect(await facts(at, left)).toMatchObject({ state: 'open', total_written: '5' });
  });

  it('contract 27: is gone after server.stall_timeout where bytes are on their way to it', async () => {
    const { left, right, unplug } = cable();
    const at = await probed({
      under: left.run,
      host: '0.0.0.0',
      serve: ['--no-auth'],
      server: { stall_timeout: '2s' },
    });
    const reader = peer(at.port, left.address, right.run);
    reader.stdin.write(`GET /api/v1/files?path=${PATH}&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await waitFor('the reader', async () => (await facts(at, left))?.active_readers === '1');
    unplug();
    // More than all buffers between the two hold.
    const [command = '', ...args] = left.run;
    const put = `head -c 16000000 /dev/zero | curl -sS -T - 'http://127.0.0.1:${at.port}/api/v1/files?path=${PATH}'`;
    expect((await start(command, [...args, 'sh', '-c', put]).result()).stdout).toContain('Written 16000000 bytes');
    await waitFor('the reader to be gone', async () => (await facts(at, left))?.active_readers === '0');
    expect(reader.isRunning).toBe(true);
    expect(await facts(at, left)).toMatchObject({ state: 'open', total_written: '16000000' });
  });
});
