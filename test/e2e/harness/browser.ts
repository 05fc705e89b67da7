/** A real browser: the system's Chromium, with a separate profile. */

import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { onTestFinished } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Disables everything that the test does not control; Chromium's sandbox needs rights that a container lacks. */
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

/** The path of an installed browser. */
function installed(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const executablePath = installed();

/** Whether tests in a browser can run. In CI they run, or fail. */
export const hasBrowser = executablePath !== undefined || process.env.CI !== undefined;
if (!hasBrowser) process.stdout.write('skipped: nothing is tried in a browser, chromium is not installed\n');

/**
 * Starts a browser, which the caller closes.
 *
 * @param resolve names to resolve to 127.0.0.1
 * @param more further arguments of Chromium
 */
export async function startBrowser(resolve: readonly string[] = [], more: readonly string[] = []): Promise<Browser> {
  if (executablePath === undefined) throw new Error('chromium is needed for this, and is not installed');
  const rules = resolve.map((name) => `MAP ${name} 127.0.0.1`).join(', ');
  const args = [...ARGUMENTS, ...more, ...(rules === '' ? [] : [`--host-resolver-rules=${rules}`])];
  return await chromium.launch({ executablePath, args });
}

/** A web server that answers every request with one page. Returns its port on 127.0.0.1. */
export async function site(html: string): Promise<number> {
  const server = createServer((_req, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end(html));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
