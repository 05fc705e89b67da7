import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultConfig, parseConfig } from '../../src/config/index.ts';
import { parseMemory } from '../../src/config/limits.ts';

const MB = 1024 * 1024;
const boundsOf = (text: string) => parseConfig(text, 'c.yaml').server.bounds;

describe('bounds in the configuration', () => {
  it('are at their defaults where nothing is said, and half the memory may be used', () => {
    const { bounds } = defaultConfig().server;
    expect(boundsOf('server:\n')).toEqual(bounds);
    expect(boundsOf('server:\n  limits:\n')).toEqual(bounds);
    expect(bounds).toMatchObject({ stallTimeout: 300_000, bodyTimeout: 30_000, streamBodyTimeout: 0 });
    expect(bounds.maxMemory).toBeGreaterThanOrEqual(16 * MB);
    expect(bounds.maxMemory).toBeLessThanOrEqual(totalmem() / 2);
  });

  it('are read one by one, and 0 is for none', () => {
    const text = `server:
  max_memory: 64MB
  stall_timeout: 0
  limits: {connections: 0, readers: 7, header_size: 0, header_timeout: 500ms, path_length: 100}
`;
    expect(boundsOf(text)).toEqual({
      ...defaultConfig().server.bounds,
      maxMemory: 64 * MB,
      stallTimeout: 0,
      limits: {
        ...defaultConfig().server.bounds.limits,
        ...{ connections: 0, readers: 7, headerSize: 0, headerTimeout: 500, pathLength: 100 },
      },
    });
  });

  it.each([
    ['limits: {readers: -1}', 'server.limits.readers: invalid number: -1'],
    ['limits: {readers: many}', 'server.limits.readers: must be a number, not "many"'],
    ['limits: {conections: 1}', "server.limits.conections: unknown key (did you mean 'connections'?)"],
    ['limits: {header_size: 10B}', 'server.limits.header_size: invalid size: 10B (expected 0, or 1KB to 1GB)'],
    ['max_memory: 1MB', 'server.max_memory: invalid memory: 1MB (expected a size from 16.0MB, a share such as 50%'],
    ['max_memory: 101%', 'server.max_memory: invalid memory: 101%'],
  ])('that make no sense are refused: %s', (line, error) => {
    expect(() => boundsOf(`server:\n  ${line}\n`)).toThrow(error);
  });
});

describe('a bound for memory', () => {
  it('is a size, a share of what the process may use, or none', () => {
    expect(parseMemory('1GB')).toBe(1024 * MB);
    expect(parseMemory(64 * MB)).toBe(64 * MB);
    expect(parseMemory('0')).toBe(0);
    expect(parseMemory(0)).toBe(0);
    expect(parseMemory('25%')).toBe(Math.floor(parseMemory('50%') / 2));
    for (const wrong of ['', '%', '0%', '-1', '10', 'half', '1e9', '50 %']) {
      expect(() => parseMemory(wrong), wrong).toThrow('invalid memory');
    }
  });
});
