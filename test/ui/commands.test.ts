import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commandsFor, quoted } from '../../ui/streams/commands.ts';

const AT = { url: 'http://127.0.0.1:8080', type: '', needsToken: false };

describe('commands for a stream', () => {
  it('name the server only where it is not the default', () => {
    expect(commandsFor('/streamfs/log', AT)[0]?.text).toBe('streamfs cat --stream /streamfs/log');
    expect(commandsFor('/streamfs/log', { ...AT, url: 'https://x.example/s' })[0]?.text).toBe(
      'streamfs --url https://x.example/s cat --stream /streamfs/log',
    );
  });

  it('take a token from the environment', () => {
    const texts = commandsFor('/streamfs/log', { ...AT, needsToken: true }).map(({ text }) => text);
    expect(texts.filter((text) => text.includes('curl')).every((text) => text.includes('$STREAMFS_TOKEN'))).toBe(true);
  });

  it('have an element for what a browser plays or shows, and for nothing else', () => {
    const last = (type: string) => commandsFor('/streamfs/x', { ...AT, type }).at(-1)?.text;
    expect(last('video/webm')).toMatch(/^<video src="http:/);
    expect(last('audio/ogg')).toMatch(/^<audio /);
    expect(last('image/png')).toMatch(/^<img /);
    expect(last('text/plain')).not.toContain('<');
    // Without it, a page of another origin shows nothing.
    for (const type of ['video/webm', 'audio/ogg', 'image/png']) expect(last(type)).toContain(' crossorigin ');
  });

  it.each(["/s/it's", '/s/$(touch x)', '/s/a b;c', '/s/`x`', '/s/"><script>alert(1)</script>', '/s/\\', '/s/!x'])(
    'leave a path whole in a shell and in an attribute: %s',
    (path) => {
      expect(execFileSync('sh', ['-c', `printf %s ${quoted(path)}`]).toString()).toBe(path);
      const element = commandsFor(path, { ...AT, type: 'video/webm' }).at(-1)!.text;
      expect(element.match(/[<>"]/g)).toEqual(['<', '"', '"', '>', '<', '>']);
    },
  );
});
