/** The complete runs of tests of which the unit tests of Durable Streams run a part. */
import { describe, it } from 'vitest';
import { cutAppends } from '../server/durable-interrupted-appends.ts';
import { checkHistories } from '../server/durable-model.ts';

describe('Durable Streams, thoroughly', () => {
  it('contract 105: an append whose connection is cut, at every byte, is there whole or not at all, and once after a repetition', async () => {
    await cutAppends(1);
  });

  it('contract 105: long-polling, server-sent events and catching up, all at once, give what was appended, once and in order', async () => {
    await checkHistories(60);
  });
});
