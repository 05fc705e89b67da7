/**
 * The page of a built server in Chromium. Any complaint of a page (a script error, a console error, a violation of its policy)
 * fails the test that opened it, unless the test expects it.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { startBrowser } from '../../e2e/harness/browser.ts';

export { hasBrowser } from '../../e2e/harness/browser.ts';

/** One process renders all pages: starting one for each would take longer than most tests. */
const ONE_PROCESS = ['--renderer-process-limit=1', '--disable-site-isolation-trials'];

let browser: Browser | undefined;
let context: BrowserContext | undefined;

/**
 * Call this in a `describe` that opens pages: they share one browser and its storage. The page keeps its state for each tab and
 * for each origin, and each server has a different origin.
 */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await startBrowser([], ONE_PROCESS);
    context = await browser.newContext();
    // Keeps the renderer process alive between the pages.
    await context.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    browser = undefined;
    context = undefined;
  });
}

export interface PageOptions {
  /** The part after `/ui/`, such as `#/health`. */
  at?: string;
  /** A complete address, of another page than the server's. */
  address?: string;
  /** Default 1440 × 900. */
  size?: { width: number; height: number };
  /** Given to the tab before the page is loaded. */
  token?: string;
  /** Default light. */
  colorScheme?: 'dark' | 'light';
  /** Complaints that belong to the test, such as those about refused requests. */
  expected?: readonly RegExp[];
}

/** Chromium's console messages for an error response, and for a server that is gone. */
export const REFUSED = /Failed to load resource: the server responded with a status of 4\d\d/;
export const UNREACHABLE = /Failed to load resource: net::ERR_|net::ERR_(CONNECTION|INCOMPLETE|EMPTY)/;

/** Opens the page of a server in a separate tab, which is closed with the test. */
export async function openPage(server: { url: string }, options: PageOptions = {}): Promise<Page> {
  const { at = '', size = { width: 1440, height: 900 }, token, colorScheme = 'light', expected = [] } = options;
  if (context === undefined) throw new Error('call useBrowser in the describe');
  const page = await context.newPage();
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`pageerror: ${error.stack ?? error.message}`));
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample);
  })`);
  if (token !== undefined)
    await page.addInitScript(`sessionStorage.setItem('streamfs.token', ${JSON.stringify(token)})`);
  onTestFinished(async () => {
    await page.close();
    expect(complaints.filter((text) => !expected.some((pattern) => pattern.test(text)))).toEqual([]);
  });
  await page.goto(options.address ?? `${server.url}/ui/${at}`);
  return page;
}
