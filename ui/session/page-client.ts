/** The requests of the page, through the published client, and the few that only the page needs. */
import { signal } from '@preact/signals';
import { isClientError, StreamFSClient } from '../../src/client/index.ts';
import { Connections } from './connections.ts';
import { createPageFetch, type SignedLink } from './page-fetch.ts';
import { ServerWatch } from './server-state.ts';
import { isTokenWanted, token } from './token.ts';

/** Query parameters of an address, in addition to the path. */
export type AddressParameters = Readonly<Record<string, string | number | boolean | undefined>>;

const UNAUTHORIZED = 401;

/** A link with less remaining time than this is renewed. */
const RENEW_BEFORE_MS = 5 * 60_000;

/** The connections that a browser opens to a server over HTTP/1.1. */
const BROWSER_CONNECTIONS = 6;

/** A connection without a response to a small request for this long counts as dead. */
const PROBE_MS = 2000;

export class PageClient {
  readonly api: StreamFSClient;
  readonly watch: ServerWatch;
  /** Makes one path readable without a token: set if the page was opened by a shared address. */
  readonly link = signal<SignedLink | undefined>(undefined);
  /** The address of the server, including the prefix of a proxy, without a slash at its end. */
  readonly origin: string;
  readonly #base: string;
  readonly #health: string;
  readonly #links = new Map<string, { url: string; expires: number }>();

  /** @param base the address of the server, without `api/v1` */
  constructor(base: string) {
    this.origin = base;
    this.#health = `${base}/api/v1/health`;
    // Not limited by the page's connections, so that it never waits in our own queue.
    this.watch = new ServerWatch(async (signal) => {
      const response = await fetch(this.#health, { signal, cache: 'no-store', credentials: 'omit' });
      await response.text();
      return Date.parse(response.headers.get('date') ?? '');
    });
    const fetchOfPage = createPageFetch({
      connections: new Connections(),
      token: () => token.peek(),
      link: () => this.link.peek(),
      onResponse: (status) => {
        this.watch.answered();
        if (status === UNAUTHORIZED) isTokenWanted.value = true;
      },
      onFailure: () => this.watch.failed(),
    });
    this.api = new StreamFSClient({ url: base, fetch: fetchOfPage });
    this.#base = this.api.url;
  }

  /**
   * An address for the content of a path that the browser can fetch by itself: for a media element, a download, a
   * command. If tokens are required, it is a signed link that is valid for an hour or the rest of one.
   */
  async addressOf(path: string, parameters: AddressParameters = {}): Promise<string> {
    const address = new URL(await this.#readable(path));
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) address.searchParams.set(name, String(value));
    }
    return address.href;
  }

  /** Makes the next `addressOf` create a new link: a server that has restarted may not accept the previous one. */
  forgetLink(path: string): void {
    this.#links.delete(path);
  }

  /**
   * Makes the browser close its idle connections that are half-open, so that the next request of a media element, which
   * has no timeout, gets a working one. Requests that are sent together use all idle connections, and aborting one
   * closes its connection.
   */
  async dropDeadConnections(): Promise<void> {
    const ask = async () => {
      // With credentials, like a media element: browsers use separate connections for requests without.
      const response = await fetch(this.#health, { signal: AbortSignal.timeout(PROBE_MS), cache: 'no-store' });
      await response.text();
    };
    await Promise.allSettled(Array.from({ length: BROWSER_CONNECTIONS }, ask));
  }

  async #readable(path: string): Promise<string> {
    if (token.peek() === undefined) return this.#unsigned(path);
    const known = this.#links.get(path);
    if (known !== undefined && known.expires - Date.now() > RENEW_BEFORE_MS) return known.url;
    try {
      const made = await this.api.createLink(path);
      const address = new URL(made.url);
      address.searchParams.delete('stream');
      this.#links.set(path, { url: address.href, expires: Date.parse(made.expires_at) });
      return address.href;
    } catch (error) {
      if (isClientError(error, 'NO_LINKS')) return this.#unsigned(path);
      throw error;
    }
  }

  #unsigned(path: string): string {
    const query = new URLSearchParams({ path });
    const link = this.link.peek();
    if (link?.path === path) {
      query.set('expires', link.expires);
      query.set('signature', link.signature);
    }
    return `${this.#base}/files?${query}`;
  }
}
