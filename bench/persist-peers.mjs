/**
 * Other servers that keep streams on disk, and StreamFS: how each is started, how a message is appended and
 * acknowledged, and how a whole stream is read. For bench/persist.mjs.
 */
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { natsClient, requestJetStream } from './nats-client.mjs';
import { writeConfig } from './persist-config.mjs';
import { BENCH, ROOT } from './prepare.mjs';
import { makeFolder } from './processes.mjs';

/** Sends a request, and settles when the response is complete. Returns the response's length and headers. */
function send(agent, port, method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const req = request({ agent, host: '127.0.0.1', port, method, path, headers }, (res) => {
      let length = 0;
      res.on('data', (part) => (length += part.length));
      res.on('end', () => {
        if (res.statusCode < 300) resolve({ length, headers: res.headers });
        else reject(new Error(`${method} ${path}: ${res.statusCode}`));
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

function streamfs(sync) {
  return {
    command: (port, directory) => {
      const settings = { persist: directory, persist_sync: sync, ring_buffer_size: '1MB', channel_buffer_size: '1MB' };
      const config = writeConfig(makeFolder(), settings);
      return [
        process.execPath,
        join(ROOT, 'dist', 'cli', 'main.js'),
        'serve',
        '--addr',
        `127.0.0.1:${port}`,
        '-c',
        config,
      ];
    },
    join: async (port, inFlight) => {
      // It listens before its log has been read.
      while (!(await fetch(`http://127.0.0.1:${port}/api/v1/ready`)).ok) await delay(5);
      const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
      const path = '/api/v1/files?path=/streamfs/a';
      return {
        append: (message) => send(agent, port, 'PUT', path, message),
        readAll: async () => (await send(agent, port, 'GET', `${path}&snapshot=true`)).length,
        close: () => agent.destroy(),
      };
    },
  };
}

export const PEERS = {
  'StreamFS, 1s': streamfs('1s'),
  'StreamFS, always': streamfs('always'),
  /** Acknowledged once written to the kernel, as with `1s`; this version syncs every two minutes. */
  'JetStream, file': {
    command: (port, directory) => ['nats-server', '-js', '-a', '127.0.0.1', '-p', String(port), '-sd', directory],
    join: async (port) => {
      const client = await natsClient(port);
      await requestJetStream(client, 'STREAM.CREATE.B', { name: 'B', subjects: ['b'], storage: 'file' });
      let reads = 0;
      return {
        append: (message) => client.request('b', message),
        readAll: async (bytes) => {
          const reader = await natsClient(port);
          const subject = `d.${++reads}`;
          const whole = new Promise((resolve) => {
            let length = 0;
            reader.subscribe(subject, (part) => {
              length += part.length;
              if (length >= bytes) resolve(length);
            });
          });
          const config = { deliver_subject: subject, ack_policy: 'none', deliver_policy: 'all' };
          await requestJetStream(reader, 'CONSUMER.CREATE.B', { stream_name: 'B', config });
          const length = await whole;
          reader.close();
          return length;
        },
        close: () => client.close(),
      };
    },
  },
  /** Acknowledged once on disk, as with `always`. */
  'durable-streams, file': {
    command: (port, directory) => {
      const folder = join(BENCH, 'node_modules', '@durable-streams', 'server');
      return [process.execPath, join(BENCH, 'targets', 'durable-streams.mjs'), String(port), folder, directory];
    },
    join: async (port, inFlight) => {
      const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
      const headers = { 'Content-Type': 'application/octet-stream' };
      await send(agent, port, 'PUT', '/a', undefined, headers);
      return {
        append: (message) => send(agent, port, 'POST', '/a', message, headers),
        readAll: async (bytes) => {
          let length = 0;
          for (let offset = '-1'; length < bytes; ) {
            const response = await send(agent, port, 'GET', `/a?offset=${offset}`);
            length += response.length;
            offset = response.headers['stream-next-offset'];
            if (response.length === 0) break;
          }
          return length;
        },
        close: () => agent.destroy(),
      };
    },
  },
};
