import { describe, expect, it } from 'vitest';
import { DEFAULT_SERVER } from '../../src/config/defaults.ts';
import { defaultConfig } from '../../src/config/index.ts';
import { DEFAULT_BOUNDS, DEFAULT_SERVER_LIMITS } from '../../src/config/limits.ts';
import { ERRORS, LIMITS } from '../../src/errors/index.ts';
import {
  DEFAULT_ACCOUNT_LIMITS,
  DEFAULT_HANDLE_IDLE,
  DEFAULT_MAX_HANDLES,
  DEFAULT_PATH_LIMITS,
} from '../../src/fs/index.ts';
import { streamfsPlugin } from '../../src/plugins/index.ts';
import { DEFAULT_LIMITS } from '../../src/server/index.ts';
import { CONNECTION_BYTES, TLS_BYTES } from '../../src/server/limits/connections.ts';
import { page } from './pages.ts';

const rows = [...page('docs/limits.md').text.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$/gm)].map(
  ([, name, setBy, standard, reached]) => ({ name: name!, setBy: setBy!, standard: standard!, reached: reached! }),
);

/** Every setting that is a limit, with its default as a user would write it. */
const settings = new Map<string, string>([
  ...Object.entries(DEFAULT_SERVER_LIMITS).map(([key, value]) => [`server.limits.${key}`, String(value)] as const),
  ...Object.entries(DEFAULT_BOUNDS).map(([key, value]) => [`server.${key}`, value] as const),
  ['server.max_request_body_bytes', DEFAULT_SERVER.max_request_body_bytes],
  ['server.max_json_body_bytes', DEFAULT_SERVER.max_json_body_bytes],
  ...streamfsPlugin.configParameters.map(({ name, default: value }) => [name, value] as const),
]);

describe('docs/limits.md', () => {
  it('has a row for each limit that errors and statistics name, in their order of kinds', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...LIMITS].sort());
  });

  it.each(rows)('$name: is set by keys that there are, and has their defaults', ({ setBy, standard }) => {
    const keys = [...setBy.matchAll(/`((?:server\.)[\w.]+|(?:max|idle)_\w+)`/g)].map((match) => match[1]!);
    expect(keys.length).toBeGreaterThan(0);
    expect(standard.match(/`([^`]+)`/g)).toEqual(keys.map((key) => `\`${settings.get(key)}\``));
  });

  it('every limit that can be configured is in it', () => {
    const text = rows.map(({ setBy }) => setBy).join();
    for (const key of Object.keys(DEFAULT_SERVER_LIMITS)) expect(text).toContain(`\`server.limits.${key}\``);
    for (const key of Object.keys(DEFAULT_BOUNDS)) expect(text).toContain(`\`server.${key}\``);
  });

  it('codes of limits are in it', () => {
    const text = rows.map(({ reached }) => reached).join();
    const codes = Object.keys(ERRORS).filter((code) => /_LIMIT$|^PATH_TOO|_FULL$|TOO_LARGE$/.test(code));
    const others = ['STREAM_FULL', 'LOG_FULL', 'FILE_TOO_LARGE', 'APPEND_TOO_LARGE', 'DISK_FULL'];
    for (const code of codes.filter((one) => !others.includes(one))) expect(text).toContain(`\`${code}\``);
  });

  it('says what a connection is charged', () => {
    const row = new RegExp(
      `^\\| a connection \\| ${CONNECTION_BYTES / 1024} KiB.*${TLS_BYTES / 1024} KiB more with TLS`,
      'm',
    );
    expect(page('docs/limits.md').text).toMatch(row);
  });
});

describe('the defaults of the configuration', () => {
  it('are those of the server, the mounts and the handles by themselves', () => {
    const { limits, token, maxMemory: _, ...timeouts } = defaultConfig().server.bounds;
    expect(token).toEqual(DEFAULT_ACCOUNT_LIMITS);
    const { handles, handleIdleTimeout, mounts: __, pathLength, pathDepth, ...server } = limits;
    expect({ ...server, ...timeouts }).toEqual(DEFAULT_LIMITS);
    expect({ length: pathLength, depth: pathDepth }).toEqual(DEFAULT_PATH_LIMITS);
    expect({ handles, handleIdleTimeout }).toEqual({
      handles: DEFAULT_MAX_HANDLES,
      handleIdleTimeout: DEFAULT_HANDLE_IDLE,
    });
  });
});
