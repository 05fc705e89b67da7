/** How an engine restores its subscriptions, with a driver that has no server. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from '../../../src/logs/redis/address.ts';
import type { RedisConnection, RedisDriver } from '../../../src/logs/redis/driver.ts';
import { Engine, type Subscriber } from '../../../src/logs/redis/engine.ts';
import { SCRIPTS } from '../../../src/logs/redis/scripts.ts';
import { Semaphore } from '../../../src/logs/redis/semaphore.ts';
import { waitFor } from '../../harness/wait.ts';

const STREAMS = 5000;
const MOST_AT_ONCE = 256;

/** Answers every command, and every subscription in a later turn. */
class FakeDriver implements RedisDriver {
  pending = 0;
  mostPending = 0;
  readonly connections: RedisConnection[] = [];

  async connect(): Promise<RedisConnection> {
    const connection: RedisConnection = {
      onClosed: undefined,
      onMoved: undefined,
      send: async ([command]) => (command === 'COMMAND' ? [Buffer.from('ssubscribe')] : Buffer.from('OK')),
      subscribe: async () => {
        this.mostPending = Math.max(this.mostPending, ++this.pending);
        await nextTurn();
        this.pending--;
      },
      unsubscribe: async () => undefined,
      close: (reason = 'closed') => connection.onClosed?.(reason),
    };
    this.connections.push(connection);
    return connection;
  }
}

describe('an engine', () => {
  it('restores the subscriptions of thousands of streams a few at a time', async () => {
    const driver = new FakeDriver();
    const engine = new Engine({
      address: parseRedisUrl(new URL('redis://127.0.0.1:1')),
      driver,
      probe: { key: 'index', script: SCRIPTS.probe },
      deadline: 1000,
      onState: () => undefined,
      onWarning: () => undefined,
      onFull: () => undefined,
    });
    await engine.start();
    let subscribed = 0;
    for (let n = 0; n < STREAMS; n++) {
      const subscriber: Subscriber = {
        channel: `{/${n}}:1`,
        message: () => undefined,
        subscribed: () => {
          subscribed++;
        },
      };
      engine.subscribe(subscriber);
    }
    await waitFor(() => subscribed === STREAMS);
    driver.mostPending = 0;
    for (const connection of driver.connections.splice(0)) connection.close('cut');
    await waitFor(() => subscribed === 2 * STREAMS);
    expect(driver.mostPending).toBeLessThanOrEqual(MOST_AT_ONCE);
    engine.close();
  });
});

describe('a semaphore', () => {
  it('serves as many at a time as it counts, in order, also after thousands', async () => {
    const semaphore = new Semaphore(3);
    const served: number[] = [];
    let active = 0;
    let mostActive = 0;
    await Promise.all(
      Array.from({ length: 20_000 }, (_, n) =>
        semaphore.run(async () => {
          mostActive = Math.max(mostActive, ++active);
          served.push(n);
          await undefined;
          active--;
        }),
      ),
    );
    expect(mostActive).toBe(3);
    expect(served).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
    await semaphore.run(async () => served.push(-1));
    expect(served.at(-1)).toBe(-1);
  });
});
