/** The Firefox of the system, over WebDriver BiDi: playwright drives only a build of its own. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';

const NAMES = ['firefox-esr', 'firefox'];

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

/** Whether tests in Firefox can run. In CI they run, or fail. */
export const hasFirefox = executablePath !== undefined || process.env.CI !== undefined;
if (!hasFirefox) process.stdout.write('skipped: nothing is tried in Firefox, it is not installed\n');

/** The caller closes it. */
export async function startFirefox(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('firefox is needed for this, and is not installed');
  return await puppeteer.launch({ browser: 'firefox', executablePath, headless: true });
}
