/** Serving the built page, from a folder that stands in for the build. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HostCheck } from '../../src/server/index.ts';
import { type Running, type StartOptions, start } from './harness.ts';

const SCRIPT = `console.log(${JSON.stringify('x'.repeat(500))})`;
const HTML = '<!doctype html><title>the page</title>';
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** A built page with a document and a script, next to a file that is not in the manifest. */
async function served(options: StartOptions = {}): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-ui-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'assets'));
  const add = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, `${name}.gz`), gzipSync(text));
    writeFileSync(join(folder, `${name}.br`), brotliCompressSync(text));
  };
  add('index.html', HTML);
  add('terminal.html', HTML);
  add('assets/main-1a2b.js', SCRIPT);
  add('assets/secret.txt', 'not in the manifest');
  const manifest = [
    { name: 'index.html', type: 'text/html;charset=utf-8', hashed: false },
    { name: 'terminal.html', type: 'text/html;charset=utf-8', hashed: false },
    { name: 'assets/main-1a2b.js', type: 'text/javascript;charset=utf-8', hashed: true },
  ];
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return await start({ uiFolder: folder, ...options });
}

describe('the page at /ui/', () => {
  it('contract 103: is served under a policy that lets nothing run but its own scripts', async () => {
    const at = await served();
    const page = await at.call('GET', '/ui/');
    expect(page.status).toBe(200);
    expect(page.text).toBe(HTML);
    const policy = String(page.headers['content-security-policy']);
    expect(policy.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "frame-src 'self'",
      "img-src 'self' blob: data:",
      "media-src 'self' blob:",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      "trusted-types 'none'",
    ]);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html;charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    });
    expect(page.headers['set-cookie']).toBeUndefined();
  });

  it('lets only the page itself show the terminal in a frame', async () => {
    const at = await served();
    const { headers } = await at.call('GET', '/ui/terminal.html');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'self'");
    expect(headers['content-security-policy']).toContain("script-src 'self';");
  });

  it('lets what has a hash in its name be kept, and asks again for the document', async () => {
    const at = await served();
    const script = await at.call('GET', '/ui/assets/main-1a2b.js');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(script.headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'");
    const page = await at.call('GET', '/ui/');
    const tag = String(page.headers.etag);
    const again = await at.call('GET', '/ui/', { headers: { 'if-none-match': `"other", W/${tag}` } });
    expect([again.status, again.text]).toEqual([304, '']);
    expect(again.headers['content-security-policy']).toBe(page.headers['content-security-policy']);
    expect((await at.call('GET', '/ui/', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('is sent in a content coding that the browser accepts, each with its own tag', async () => {
    const at = await served();
    const as = (coding: string) =>
      at.call('GET', '/ui/assets/main-1a2b.js', { headers: { 'accept-encoding': coding } });
    const zipped = await as('gzip, deflate');
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).toString()).toBe(SCRIPT);
    const brotli = await as('gzip, br');
    expect(brotli.headers['content-encoding']).toBe('br');
    const plain = await as('br;q=0, gzip; q=0.0');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.text).toBe(SCRIPT);
    const tags = [zipped, brotli, plain].map(({ headers }) => headers.etag);
    expect(new Set(tags).size).toBe(3);
    expect([zipped, plain].map(({ headers }) => headers.vary)).toEqual(['Accept-Encoding', 'Accept-Encoding']);
  });

  it.each([
    'assets/secret.txt',
    'assets/secret.txt.gz',
    'assets/main-1a2b.js.br',
    'manifest.json',
    'index.html.gz',
    'assets/..%2findex.html',
    'assets/%2e%2e%2f%2e%2e%2fpackage.json',
    '..%2f..%2fpackage.json',
    'assets/__proto__',
    'nothing',
    'assets/',
  ])('contract 103: gives nothing that its manifest does not name: %s', async (name) => {
    const at = await served();
    const { status, text } = await at.call('GET', `/ui/${name}`);
    expect(status).toBe(404);
    expect(text).not.toContain('not in the manifest');
  });

  it('answers HEAD as GET without a body, and refuses other methods', async () => {
    const at = await served();
    const head = await at.call('HEAD', '/ui/');
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(HTML.length)]);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const refused = await at.call(method, '/ui/');
      expect([refused.status, refused.json().code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
      expect(refused.headers.allow).toBe('GET, HEAD, OPTIONS');
    }
  });

  it('is where / and /ui send browsers, while programs get what they got', async () => {
    const at = await served();
    const sent = await at.call('GET', '/', { headers: BROWSER });
    expect([sent.status, sent.headers.location, sent.headers.vary]).toEqual([302, 'ui/', 'Accept']);
    const program = await at.call('GET', '/', { headers: { accept: '*/*' } });
    expect(program.json()).toMatchObject({ service: 'StreamFS', status: 'running' });
    expect((await at.call('GET', '/')).status).toBe(200);
    const slash = await at.call('GET', '/ui', { headers: BROWSER });
    expect([slash.status, slash.headers.location]).toEqual([302, 'ui/']);
  });

  it('is not there where it is turned off: / is for programs then', async () => {
    const at = await start();
    expect((await at.call('GET', '/ui/')).json().code).toBe('ROUTE_NOT_FOUND');
    expect((await at.call('GET', '/', { headers: BROWSER })).status).toBe(200);
  });

  it('contract 94: answers to its own names only, as everything else', async () => {
    const at = await served({ hosts: new HostCheck([]) });
    const ours = await at.call('GET', '/ui/', { headers: { host: 'localhost' } });
    const theirs = await at.call('GET', '/ui/', { headers: { host: 'stranger.example' } });
    expect([ours.status, theirs.status, theirs.json().code]).toEqual([200, 403, 'HOST_REFUSED']);
  });
});
