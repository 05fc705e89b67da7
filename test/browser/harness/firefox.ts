/** The page in Firefox: playwright cannot drive Debian's Firefox, so puppeteer does, over WebDriver BiDi. */
import { existsSync } from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';

const EXECUTABLE = '/usr/bin/firefox-esr';

/** Whether tests in Firefox can run. In CI they run, or fail. */
export const hasFirefox = existsSync(EXECUTABLE) || process.env.CI !== undefined;
if (!hasFirefox) process.stdout.write('skipped: nothing is tried in Firefox, firefox-esr is not installed\n');

/** Starts a browser, which the caller closes. */
export async function startFirefox(): Promise<Browser> {
  return await puppeteer.launch({
    browser: 'firefox',
    executablePath: EXECUTABLE,
    headless: true,
    // Disables everything that the test does not control.
    extraPrefsFirefox: { 'app.update.disabledForTesting': true, 'media.autoplay.default': 0 },
  });
}
