import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logContract } from '../../../src/logs/contract/index.ts';
import { createRedisLog } from '../../../src/logs/redis/index.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

describe('the log on Redis', () => {
  const cases = logContract({
    open: async (nodes, limits) => {
      const prefix = `${randomUUID()}:`;
      const logs = Array.from({ length: nodes }, (_, n) =>
        createRedisLog({
          url: new URL(redis.url),
          node: `node${n}`,
          prefix,
          deadline: 10_000,
          limits,
          logger: console,
        }),
      );
      await Promise.all(logs.map((log) => log.start()));
      for (const log of logs) expect(log.state.isConnected).toBe(true);
      return { logs, close: async () => void (await Promise.all(logs.map((log) => log.close()))) };
    },
    cut: async () => {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
  });
  for (const { name, run } of cases) it(`contract 106: ${name}`, run);
});
