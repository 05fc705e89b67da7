/** Both browsers, by their common methods, for tests that run in each. */
import { hasBrowser, startBrowser } from '../../e2e/harness/browser.ts';
import { hasFirefox, startFirefox } from './firefox.ts';

/** The methods of a page that both playwright and puppeteer have. */
export interface Tab {
  goto(address: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface AnyBrowser {
  newPage(): Promise<Tab>;
  close(): Promise<void>;
}

export interface BrowserKind {
  name: 'Chromium' | 'Firefox';
  isInstalled: boolean;
  /** Starts one, which the caller closes. */
  start: () => Promise<AnyBrowser>;
}

export const BROWSERS: readonly BrowserKind[] = [
  { name: 'Chromium', isInstalled: hasBrowser, start: startBrowser },
  { name: 'Firefox', isInstalled: hasFirefox, start: startFirefox },
];
