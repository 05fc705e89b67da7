import { describe, it } from 'vitest';
import { checkHistories } from './durable-model.ts';

describe('Durable Streams: any history', () => {
  it('contract 105: long-polling, server-sent events and catching up, all at once, give what was appended, once and in order', async () => {
    await checkHistories(8);
  });
});
