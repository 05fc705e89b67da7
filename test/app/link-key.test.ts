import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../src/app/index.ts';
import { linkOptions } from '../../src/app/link-key.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { recorder } from './recorder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamfs-key-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SECRET = 'the-most-secret-of-all-the-keys!';

async function keyIn(content: string | Uint8Array): Promise<Uint8Array | undefined> {
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, content);
  return (await linkOptions({ keyFile, maxLifetime: 1000 })).key;
}

describe('the key of signed links', () => {
  it('is what the file holds, without a line break at its end', async () => {
    for (const end of ['', '\n', '\r\n']) expect(String(await keyIn(SECRET + end))).toBe(SECRET);
    expect(String(await keyIn(`${SECRET}\n\n`))).toBe(`${SECRET}\n`);
    const bytes = Uint8Array.from({ length: 4096 }, (_, at) => at % 251);
    expect(Buffer.from((await keyIn(bytes))!).equals(bytes)).toBe(true);
  });

  it.each([
    ['', /has 0 bytes, a key needs 32 or more: openssl rand -hex 32 makes one$/],
    [`${SECRET.slice(1)}\n`, /has 31 bytes, a key needs 32 or more/],
    [SECRET.repeat(129), /has more than 4096 bytes: is it the right file\?$/],
  ])('of %j is refused, without telling it', async (content, pattern) => {
    const error = await keyIn(content).catch((thrown: unknown) => thrown);
    expect(isStreamFSError(error, 'CONFIG_INVALID')).toBe(true);
    expect(String(error)).toMatch(pattern);
    expect(String(error)).toContain(`server.links.key_file: ${join(folder, 'key')} `);
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('must be a readable file, or startup fails', async () => {
    const none = join(folder, 'none');
    const starting = startApp({ config: { server: { links: { key_file: none } } }, address: '127.0.0.1:0' });
    await expect(starting).rejects.toThrow(`server.links.key_file: ${none} cannot be read: the file does not exist`);
    await expect(linkOptions({ keyFile: folder, maxLifetime: 1 })).rejects.toThrow('cannot be read: it is a directory');
  });
});

describe('reading the configuration again', () => {
  const token = 'a-token-that-is-long';
  const configOf = (links: string, name = 'tests') => `server:
  links: {${links}}
  tokens:
    - {name: ${name}, token: ${token}, rights: [read], paths: ["/**"]}
`;

  it('takes another key and another longest lifetime at once, and one that is wrong changes nothing', async () => {
    const [configFile, key] = [join(folder, 'c.yaml'), join(folder, 'link.key')];
    await writeFile(key, SECRET);
    await writeFile(configFile, configOf(`key_file: ${key}`));
    const logger = recorder();
    const app = await startApp({ configFile, address: '127.0.0.1:0', logger });
    onTestFinished(() => app.shutdown());
    const client = new StreamFSClient({ url: app.url, token });
    const { url } = await client.createLink('/streamfs/README');
    const status = async () => (await fetch(url, { method: 'HEAD' })).status;
    expect(await status()).toBe(200);

    await writeFile(key, 'short');
    await expect(app.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await status()).toBe(200);

    await writeFile(key, SECRET.toUpperCase());
    await writeFile(configFile, configOf(`key_file: ${key}, max_lifetime: 60`));
    await app.reload();
    expect(await status()).toBe(403);
    await expect(client.createLink('/streamfs/README', { expiresIn: 61_000 })).rejects.toThrow('1s to 1m');

    await writeFile(key, `${SECRET}\n`);
    await app.reload();
    expect(await status()).toBe(200);
    expect(JSON.stringify(logger.lines)).not.toMatch(/secret|a-token/i);
  });

  it('leaves the random key as it is', async () => {
    const configFile = join(folder, 'random.yaml');
    await writeFile(configFile, configOf(''));
    const app = await startApp({ configFile, address: '127.0.0.1:0', logger: recorder() });
    onTestFinished(() => app.shutdown());
    const { url } = await new StreamFSClient({ url: app.url, token }).createLink('/streamfs/README');
    await app.reload();
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});
