/** The page in Firefox, which playwright cannot drive as Debian has it: by puppeteer, over WebDriver BiDi. */
import { existsSync } from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';

const EXECUTABLE = '/usr/bin/firefox-esr';

/** Whether tests in Firefox can run. In CI they run, or fail. */
export const hasFirefox = existsSync(EXECUTABLE) || process.env.CI !== undefined;
if (!hasFirefox) process.stdout.write('skipped: nothing is tried in Firefox, firefox-esr is not installed\n');

/** The caller closes it. */
export async function startFirefox(): Promise<Browser> {
  return await puppeteer.launch({
    browser: 'firefox',
    executablePath: EXECUTABLE,
    headless: true,
    // Nothing but what a test does is to happen in it.
    extraPrefsFirefox: { 'app.update.disabledForTesting': true, 'media.autoplay.default': 0 },
  });
}
