import { describe, expect, it } from 'vitest';
import { start } from './harness.ts';

const STRICT = { '/s': { fstype: 'streamfs', config: { auto_create: false } } };

describe('creation that is turned off for the mount', () => {
  it('contract 36: holds for writes, live reads and handles; a request may turn it on for itself', async () => {
    const { call } = await start({ mounted: STRICT });
    const absent = { status: 404, text: expect.stringContaining('stream not found: /x') };
    expect(await call('PUT', '/files?path=/s/x', { body: 'a' })).toMatchObject(absent);
    expect(await call('POST', '/write?path=/s/x', { body: 'a' })).toMatchObject(absent);
    expect(await call('GET', '/files?path=/s/x&stream=true')).toMatchObject(absent);
    expect(await call('POST', '/handles/open?path=/s/x')).toMatchObject(absent);
    expect(await call('PUT', '/files?path=/s/x&create=true', { body: 'a' })).toMatchObject({ status: 200 });
    expect(await call('PUT', '/files?path=/s/x', { body: 'b' })).toMatchObject({ status: 200 });
    expect((await call('GET', '/files?path=/s/x&snapshot=true')).text).toBe('ab');
  });
});
