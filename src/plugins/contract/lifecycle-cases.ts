/** Shutdown of an instance: no reader is left waiting, and nothing keeps running. */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { leftRunning } from './left-running.ts';
import { bytes, caseOf, newInstance, READ_ONLY, soon } from './support.ts';
import type { ContractCase, ContractOptions } from './types.ts';

const MODE = 0o644;

export function lifecycleCases(options: ContractOptions): ContractCase[] {
  const { traits } = options;
  return [
    caseOf(options, 'contract 28: shuts down twice without harm', async ({ fs, instance, path, makeFile }) => {
      await makeFile();
      const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
      await soon(instance.shutdown(), 'shutdown');
      await soon(instance.shutdown(), 'a second shutdown');
      await soon(handle.close(), 'closing a handle after the shutdown');
    }),
    {
      name: 'contract 22: leaves nothing running',
      async run() {
        const left = await leftRunning(async () => {
          const instance = await newInstance(options);
          const { fileSystem } = instance;
          const path = traits.present ?? '/contract-file';
          if (traits.content !== 'read-only') await fileSystem.write(path, bytes('x'));
          const handle = await fileSystem.openHandle(path, { flags: READ_ONLY, mode: MODE });
          // The call must settle, with an error if the file no longer exists.
          const waiting = handle.read({ size: 1, offset: 1, timeout: 60_000 }).catch(() => undefined);
          await instance.shutdown();
          await soon(waiting, 'a read');
          await handle.close();
        });
        assert.deepEqual(left, []);
      },
    },
    ...(traits.content === 'append-only' ? waitingCases(options) : []),
    ...(traits.endless === undefined ? [] : endlessCases(options, traits.endless)),
  ];
}

function waitingCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 28: gives waiting readers the end when it shuts down', async ({ fs, instance, path }) => {
      const source = await fs.openStream(path, { create: true });
      assert.equal(source.kind, 'live');
      if (source.kind !== 'live') return;
      const ending = (async () => {
        for await (const record of source.reader) if (record.type === 'end') return record.reason;
        return 'nothing';
      })();
      await instance.shutdown();
      assert.equal(await soon(ending, 'a reader'), 'shutdown');
    }),
    caseOf(options, 'contract 28: gives waiting handle reads the end when it shuts down', async (bench) => {
      await bench.makeFile();
      const handle = await bench.fs.openHandle(bench.path, { flags: READ_ONLY, mode: MODE });
      const reading = handle.read({ size: 1, timeout: 60_000 });
      await bench.instance.shutdown();
      const { data, eof } = await soon(reading, 'a handle read');
      assert.deepEqual([data.length, eof], [0, true]);
      await handle.close();
    }),
    caseOf(options, 'contract 55: a waiting read ends when its handle is closed', async ({ fs, path, makeFile }) => {
      await makeFile();
      const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
      const reading = handle.read({ size: 1, timeout: 60_000 }).catch(() => undefined);
      await soon(handle.close(), 'a close');
      await soon(reading, 'a handle read');
    }),
    caseOf(options, 'contract 54: a waiting read ends when its client gives up', async ({ fs, path, makeFile }) => {
      await makeFile();
      const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
      const client = new AbortController();
      const reading = handle.read({ size: 1, timeout: 60_000, signal: client.signal }).catch((error: Error) => error);
      client.abort();
      assert.ok((await soon(reading, 'a handle read')) instanceof Error);
      await fs.write(path, bytes('x'));
      assert.equal((await handle.read({ size: 1, timeout: 0 })).data.length, 1);
      await handle.close();
    }),
  ];
}

function endlessCases(options: ContractOptions, path: string): ContractCase[] {
  return [
    caseOf(options, 'contract 28: ends a stream that has no end when it shuts down', async ({ fs, instance }) => {
      const source = await fs.openStream(path);
      assert.equal(source.kind, 'content');
      if (source.kind !== 'content') return;
      const taking = (async () => {
        let pieces = 0;
        for await (const piece of source.content) {
          assert.ok(piece.length > 0);
          pieces += 1;
          if (pieces === 3) await instance.shutdown();
        }
        return pieces;
      })();
      assert.ok((await soon(taking, 'an endless stream')) >= 3);
    }),
    caseOf(options, 'leaves the event loop to others while a stream has no end', async ({ fs }) => {
      const source = await fs.openStream(path);
      if (source.kind !== 'content') return;
      let turns = 0;
      let pieces = 0;
      const others = (async () => {
        while (pieces < 20) {
          await nextTurn();
          turns += 1;
        }
      })();
      for await (const _ of source.content) {
        pieces += 1;
        if (pieces === 20) break;
      }
      await soon(others, 'everybody else');
      assert.ok(turns > 5, `others had ${turns} turns`);
    }),
  ];
}
