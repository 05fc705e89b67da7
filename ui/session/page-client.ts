/** What the page asks of the server through the published client, and the few things that only a page needs. */
import { signal } from '@preact/signals';
import { isClientError, StreamFSClient } from '../../src/client/index.ts';
import { Connections } from './connections.ts';
import { createPageFetch, type SignedLink } from './page-fetch.ts';
import { ServerWatch } from './server-state.ts';
import { isTokenWanted, token } from './token.ts';

/** Parameters of an address, beside the path. */
export type AddressParameters = Readonly<Record<string, string | number | boolean | undefined>>;

const UNAUTHORIZED = 401;

/** A link is made anew when the one that is there has less to go than this. */
const RENEW_BEFORE_MS = 5 * 60_000;

export class PageClient {
  readonly api: StreamFSClient;
  readonly watch: ServerWatch;
  /** Makes one path readable without a token: of a page that was opened by a shared address. */
  readonly link = signal<SignedLink | undefined>(undefined);
  /** The address of the server, with whatever a proxy has before it, without a slash at its end. */
  readonly origin: string;
  readonly #base: string;
  readonly #links = new Map<string, { url: string; expires: number }>();

  /** @param base the address of the server, below which `api/v1` is */
  constructor(base: string) {
    this.origin = base;
    const health = `${base}/api/v1/health`;
    // Beside the connections of the page, so that it is never behind in a queue of ours.
    this.watch = new ServerWatch(async (signal) => {
      const answer = await fetch(health, { signal, cache: 'no-store', credentials: 'omit' });
      await answer.text();
      return Date.parse(answer.headers.get('date') ?? '');
    });
    const fetchOfPage = createPageFetch({
      connections: new Connections(),
      token: () => token.peek(),
      link: () => this.link.peek(),
      onAnswer: (status) => {
        this.watch.answered();
        if (status === UNAUTHORIZED) isTokenWanted.value = true;
      },
      onFailure: () => this.watch.failed(),
    });
    this.api = new StreamFSClient({ url: base, fetch: fetchOfPage });
    this.#base = this.api.url;
  }

  /**
   * An address that the browser can be given for the content of a path: an element that plays, a download, a command. With
   * tokens it is a signed link, good for an hour or the rest of one.
   */
  async addressOf(path: string, parameters: AddressParameters = {}): Promise<string> {
    const address = new URL(await this.#readable(path));
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) address.searchParams.set(name, String(value));
    }
    return address.href;
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
