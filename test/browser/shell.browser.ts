/** The page as the server sends it, and the frame around its views. */
import { describe, expect, it } from 'vitest';
import { server } from '../e2e/harness/server.ts';
import { hasBrowser, openPage, REFUSED, UNREACHABLE, useBrowser } from './harness/page.ts';

const TOKEN = 'a-token-for-tests-0123456789';

describe.runIf(hasBrowser)('the page', () => {
  useBrowser();

  it('is where / sends a browser', async () => {
    const at = await server();
    await expect.poll(() => at.process.stdout.text).toContain(`page:  ${at.url}/ui/\n`);
    const page = await openPage(at);
    await page.goto(`${at.url}/`);
    expect(new URL(page.url()).pathname).toBe('/ui/');
    await page.getByRole('link', { name: 'Streams', exact: true }).waitFor();
  });

  it('follows a stream at its own address', async () => {
    const at = await server();
    await at.put('/streamfs/greeting', 'hello from the test\n');
    const page = await openPage(at, { at: '#/s/streamfs/greeting' });
    await page.getByText('hello from the test').first().waitFor();
    await at.put('/streamfs/greeting', 'and one more line\n');
    await page.getByText('and one more line').first().waitFor();
  });

  it('contract 103: has the API of its server, to be looked through', async () => {
    const at = await server();
    const page = await openPage(at, { at: '#/api' });
    await page.getByRole('searchbox').fill('links');
    await page.getByText('/api/v1/links').click();
    await page.getByText('expires_in').waitFor();
  });

  it('asks for a token where the server wants one, and keeps it out of every address', async () => {
    const at = await server({
      server: { tokens: [{ name: 'all', token: TOKEN, rights: ['read', 'write', 'admin'], paths: ['/**'] }] },
    });
    const asked: string[] = [];
    const page = await openPage(at, { expected: [REFUSED] });
    page.on('request', (request) => asked.push(request.url()));
    for (const [typed, said] of [
      ['', 'type the token first'],
      ['two words', 'This is not a token'],
    ] as const) {
      await page.getByRole('textbox', { name: 'Token' }).fill(typed);
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: said }).waitFor();
    }
    await page.getByRole('textbox', { name: 'Token' }).fill('not-the-token');
    await page.evaluate(`new MutationObserver((_, observer) => {
      if (!document.body.textContent.includes('does not know the token')) return;
      observer.disconnect();
      globalThis.fieldAtRefusal = document.activeElement.getAttribute('name');
    }).observe(document.body, { childList: true, subtree: true })`);
    await page.keyboard.press('Enter');
    await page.getByText('does not know the token').waitFor();
    // The user can type at once: the field has the focus before it is painted.
    expect(await page.evaluate('fieldAtRefusal')).toBe('token');
    await page.keyboard.type(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /^Streams/ }).waitFor();
    // The command that it suggests works here too.
    await page.getByText('date | curl -T - -H "Authorization: Bearer $STREAMFS_TOKEN" ').waitFor();
    expect(asked.filter((url) => url.includes(TOKEN))).toEqual([]);
    expect(page.url()).not.toContain(TOKEN);
    expect(await page.context().cookies()).toEqual([]);
    await page.getByRole('button', { name: 'Forget the token' }).click();
    await page.getByRole('textbox', { name: 'Token' }).waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('says within two seconds that the server is gone, and that it is back', async () => {
    const at = await server();
    const page = await openPage(at, { expected: [UNREACHABLE] });
    const state = page.getByTestId('connection');
    await expect.poll(() => state.getAttribute('data-state')).toBe('ok');
    await at.process.end();
    await expect.poll(() => state.getAttribute('data-state'), { timeout: 2000 }).toBe('gone');
    await server({ port: at.port });
    await expect.poll(() => state.getAttribute('data-state')).toBe('ok');
  });
});
