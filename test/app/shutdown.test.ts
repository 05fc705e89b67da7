import { describe, expect, it } from 'vitest';
import { stopWithin } from '../../src/app/shutdown.ts';
import { recorder } from './recorder.ts';

describe('stopping the parts of a server', () => {
  it('tells all at once, with most of the deadline, and waits for all', async () => {
    const logger = recorder();
    const calls: string[] = [];
    let letGo: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const stopping = stopWithin(
      [
        {
          name: 'first',
          stop: async (deadline) => void calls.push(`first ${deadline}`, await held.then(() => 'released')),
        },
        { name: 'second', stop: async () => letGo?.() },
      ],
      60_000,
      logger,
    );
    await stopping;
    expect(calls).toEqual(['first 54000', 'released']);
    expect(logger.lines).toEqual([{ level: 'info', message: 'stopped', facts: {} }]);
  });

  it('contract 28: settles at the deadline although a part hangs, and says which', async () => {
    const logger = recorder();
    await stopWithin([{ name: 'stuck', stop: () => new Promise(() => {}) }], 10, logger);
    expect(logger.lines).toEqual([
      { level: 'warn', message: 'stopped without waiting any longer', facts: { unfinished: ['stuck'] } },
    ]);
  });

  it('is not held up by a part that fails', async () => {
    const logger = recorder();
    let stopped = false;
    await stopWithin(
      [
        { name: 'broken', stop: () => Promise.reject(new Error('no')) },
        {
          name: 'sound',
          stop: async () => {
            stopped = true;
          },
        },
      ],
      60_000,
      logger,
    );
    expect(stopped).toBe(true);
    expect(logger.lines[0]).toEqual({
      level: 'error',
      message: 'failed to stop',
      facts: { part: 'broken', error: 'Error: no' },
    });
  });
});
