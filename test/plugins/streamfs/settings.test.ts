import { describe, expect, it } from 'vitest';
import { streamfsPlugin } from '../../../src/plugins/index.ts';
import { parseSettings } from '../../../src/plugins/streamfs/settings.ts';
import { parseSize } from '../../../src/units/index.ts';

const reason = (config: Record<string, unknown>): string => {
  try {
    streamfsPlugin.validate(config);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

describe('configuration', () => {
  it('contract 80: the plugin is called streamfs and lists its parameters', () => {
    expect(streamfsPlugin.name).toBe('streamfs');
    const parameters = new Map(streamfsPlugin.configParameters.map((one) => [one.name, one]));
    for (const name of ['channel_buffer_size', 'ring_buffer_size']) {
      expect(parameters.get(name)).toMatchObject({ type: 'string', required: false });
    }
    expect(() => streamfsPlugin.validate({ mount_path: '/streamfs' })).not.toThrow();
  });

  it('contract 81: unknown keys are refused in the words of the original', () => {
    expect(reason({ bogus: 1, other: 2 })).toMatch(
      /^unknown configuration parameter\(s\) 'bogus', 'other' - allowed parameters are: 'channel_buffer_size', 'ring_buffer_size'/,
    );
  });

  it.each([
    [{ channel_buffer_size: true }, "channel_buffer_size must be a size string (e.g., '512KB') or number"],
    [{ ring_buffer_size: null }, "ring_buffer_size must be a size string (e.g., '1MB') or number"],
    [
      { ring_buffer_size: ' abc ' },
      'invalid ring_buffer_size: invalid size format: ABC (expected format: number with optional unit B/KB/MB/GB/TB)',
    ],
  ])('contract 81: %j is refused with the words of the original', (config, text) => {
    expect(reason(config)).toBe(text);
  });

  it.each(['512K', '', ' ', '0', 0, -1, '-1KB', '1e3', '0x10', '1_000', 'NaN', 'Infinity', Number.NaN, 2 ** 60, '2PB'])(
    'contract 82: the size %j is refused',
    (value) => {
      expect(reason({ ring_buffer_size: value })).toMatch(/^invalid ring_buffer_size: /);
    },
  );

  it.each([
    ['512KB', 524288],
    ['1.5 mb', 1572864],
    [' 10 ', 10],
    [4096, 4096],
    ['64B', 64],
  ])('contract 82: the size %j is %i bytes', (value, size) => {
    expect(parseSettings({ ring_buffer_size: value }).retention).toBe(size);
  });

  it('contract 82: the defaults in code are those of the parameter list and of README', () => {
    const defaults = parseSettings({});
    expect(defaults).toMatchObject({ retention: 6 * 1024 ** 2, maxLag: 6 * 1024 ** 2, onLag: 'drop-oldest' });
    for (const { name, default: value } of streamfsPlugin.configParameters) {
      if (value !== '') expect(streamfsPlugin.readme).toContain(`${name} (default ${value})`);
    }
    const listed = new Map(streamfsPlugin.configParameters.map((one) => [one.name, one.default]));
    expect(parseSize(listed.get('ring_buffer_size')!)).toBe(defaults.retention);
  });

  it.each([
    [{ on_lag: 'drop' }, 'on_lag must be one of drop-oldest, drop-newest, disconnect, block'],
    [{ auto_create: 'yes' }, 'auto_create must be true or false'],
    [{ block_timeout: [] }, "block_timeout must be a duration (e.g., '500ms', '5s') or a number of seconds"],
    [{ persist_max_age: '12h' }, 'persist_max_age requires persist: set persist to a directory for the streams'],
    [{ persist: '' }, 'persist is empty: give a directory, or leave persist out to keep the streams in memory only'],
    [{ log: '' }, 'log is empty: give the address of a log, or leave log out to keep the streams on this server only'],
    [
      { persist: '/somewhere', persist_total: '100MB' },
      'persist_total must be at least 128.0MB, since journals use a part of it; got 100.0MB',
    ],
    [
      { persist: '/somewhere', persist_max_age: '10d' },
      'invalid persist_max_age: invalid duration format: 10d (expected format: seconds, or a number with a unit ms/s/m/h)',
    ],
  ])('%j is refused, and told what would be right', (config, text) => {
    expect(reason(config)).toBe(text);
  });

  it('contract 86: README keeps the advice on sizes, memory and trouble, and says what the code does', () => {
    for (const words of ['256KB to 512KB', '4MB to 8MB', 'MEMORY', 'TROUBLESHOOTING', 'drop-oldest', '64.0KB']) {
      expect(streamfsPlugin.readme).toContain(words);
    }
  });
});
