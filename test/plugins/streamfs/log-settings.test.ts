/** The keys by which a mount shares a log with other servers (contract 106). */
import { describe, expect, it } from 'vitest';
import { startApp } from '../../../src/app/index.ts';
import { isStreamFSError } from '../../../src/errors/index.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { defaultPrefix } from '../../../src/plugins/streamfs/shared/instance.ts';
import { recorder } from '../../app/recorder.ts';
import { waitFor } from '../../harness/wait.ts';
import { start } from '../../server/harness.ts';

function refusal(config: Record<string, unknown>): string {
  try {
    parseSettings(config);
  } catch (error) {
    if (isStreamFSError(error, 'CONFIG_INVALID')) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

const LOG = 'redis://user:secret@127.0.0.1:6379/1';

describe('contract 106: a log of a mount', () => {
  it('has an address, a prefix, a name for this node, a deadline', () => {
    const config = { log: LOG, log_prefix: 'sf/live', log_node: 'a-1', log_deadline: '3s', log_required: true };
    const { log } = parseSettings(config);
    expect(log).toMatchObject({ prefix: 'sf/live', node: 'a-1', deadline: 3000, isRequired: true });
    expect(log?.url.href).toBe(LOG);
    expect(parseSettings({}).log).toBeUndefined();
    expect(parseSettings({ log: LOG }).log).toMatchObject({ prefix: undefined, node: undefined, deadline: 10_000 });
  });

  it.each([
    'redis://:se/cret@127.0.0.1:6379',
    'redis://me:12/cret@127.0.0.1:6379',
    'redis://me:12#cret@127.0.0.1:6379',
    'redis://:cret',
  ])('shows nothing of an address in which the password is not escaped, such as %s', async (address) => {
    const config = { plugins: { streamfs: { path: '/x', config: { log: address } } } };
    const logger = recorder();
    const app = await startApp({ address: '127.0.0.1:0', config, logger });
    const listing = async () => (await fetch(`${app.url}/api/v1/mounts`)).text();
    await waitFor('the mount to have failed', async () => (await listing()).includes('"failed"'));
    const shown = `${await listing()}${JSON.stringify(logger.lines)}`;
    await app.shutdown();
    expect(shown).toContain('"log":"redis://…"');
    expect(shown).not.toContain('cret');
  });

  it('keeps the streams of each mount under their own names, where no prefix is given', () => {
    const paths = ['/', '/a', '/a b', '/a_b', '/a/b', '/ä', '/ö', '/a{', '/a}', '/a%7B', '/a%20b'];
    const prefixes = paths.map(defaultPrefix);
    expect(new Set(prefixes).size).toBe(paths.length);
    for (const prefix of prefixes) expect(prefix).toMatch(/^streamfs[^{}\s]*$/);
    expect(prefixes.slice(0, 2)).toEqual(['streamfs', 'streamfs/a']);
  });

  it('is refused together with persist, and its keys without it', () => {
    expect(refusal({ log: LOG, persist: '/tmp/x' })).toBe(
      'log and persist exclude each other: a log that servers share keeps the streams itself',
    );
    for (const [key, value] of Object.entries({
      log_prefix: 'x',
      log_node: 'x',
      log_deadline: '1s',
      log_required: true,
    })) {
      expect(refusal({ [key]: value })).toBe(`${key} requires log: set log to the address of a shared log`);
    }
  });

  it.each(['memory://a', 'http://127.0.0.1', '127.0.0.1:6379', 'redis:', 'redis://', 'nats://user:secret@x'])(
    'is refused where it is no address of a log there is, without saying the address: %s',
    (log) => {
      const shown = refusal({ log });
      expect(shown).toMatch(
        /^log must be an address such as redis:\/\/HOST:PORT or rediss:\/\/HOST:PORT(; in a password.*)?$/,
      );
      expect(shown).not.toContain('secret');
    },
  );

  it('refuses names that cannot stand in keys, and no time at all', () => {
    expect(refusal({ log: LOG, log_prefix: 'a b' })).toBe(
      'log_prefix must be 1 to 64 letters, digits, or any of _ . / -',
    );
    expect(refusal({ log: LOG, log_node: '{a}' })).toBe('log_node must be 1 to 64 letters, digits, or any of _ . / -');
    expect(refusal({ log: LOG, log_deadline: '0s' })).toBe("log_deadline must be longer than 0 (e.g., '10s')");
  });

  it('is shown without name and password by what lists mounts', async () => {
    const log = LOG.replace('6379', '9');
    const config = { log, log_deadline: '50ms' };
    const at = await start({ mounted: { '/s': { fstype: 'streamfs', config } } });
    for (const target of ['/mounts', '/plugins', '/stats', '/metrics', '/stat?path=/s/a']) {
      const { text } = await at.call('GET', target);
      expect(text).not.toMatch(/secret|user:/);
    }
    expect((await at.call('GET', '/mounts')).text).toContain('redis://127.0.0.1:9/1');
    expect(JSON.stringify(at.log)).not.toMatch(/secret/);
  });
});
