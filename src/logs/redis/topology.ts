/** Which server has a slot: always the same, the master that Sentinels know, or a node of a cluster. */
import type { RedisAddress, ServerAddress } from './address.ts';
import { ConnectionLost, type Reply, ReplyError } from './driver.ts';
import type { Link } from './link.ts';

export interface Topology {
  /** @throws ConnectionLost where nothing says it */
  serverOf(slot: number): Promise<ServerAddress>;
  /** All masters that are known. */
  servers(): Promise<readonly ServerAddress[]>;
  /** What is known may be wrong: the next question is asked anew. */
  doubt(): void;
  /** A server has said where the slot is. */
  moved(slot: number, to: ServerAddress): void;
  close(): void;
}

/** Makes a link to a server that says where others are. */
export type LinkTo = (address: ServerAddress) => Link;

export function createTopology(address: RedisAddress, linkTo: LinkTo): Topology {
  if (address.mode === 'sentinel') return new SentinelTopology(address, linkTo);
  if (address.mode === 'cluster') return new ClusterTopology(address, linkTo);
  const [server] = address.nodes;
  return {
    serverOf: async () => server!,
    servers: async () => [server!],
    doubt: () => undefined,
    moved: () => undefined,
    close: () => undefined,
  };
}

export function keyOf({ host, port }: ServerAddress): string {
  return `${host}:${port}`;
}

/** Asks one server after another until one answers. */
class Guides {
  readonly #linkTo: LinkTo;
  readonly #links = new Map<string, { address: ServerAddress; link: Link }>();

  constructor(addresses: readonly ServerAddress[], linkTo: LinkTo) {
    this.#linkTo = linkTo;
    for (const address of addresses) this.add(address);
  }

  add(address: ServerAddress): void {
    const key = keyOf(address);
    if (!this.#links.has(key)) this.#links.set(key, { address, link: this.#linkTo(address) });
  }

  /** @returns what `ask` gives first; undefined answers do not count */
  async ask<T>(ask: (link: Link, address: ServerAddress) => Promise<T | undefined>, what: string): Promise<T> {
    let problem = 'none answers';
    for (const [key, guide] of [...this.#links]) {
      try {
        const answer = await ask(guide.link, guide.address);
        if (answer !== undefined) {
          // The one that answers is asked first the next time.
          const others = [...this.#links].filter(([other]) => other !== key);
          this.#links.clear();
          for (const [other, value] of [[key, guide] as const, ...others]) this.#links.set(other, value);
          return answer;
        }
      } catch (error) {
        problem = (error as Error).message;
      }
    }
    throw new ConnectionLost(`${what}: ${problem}`);
  }

  close(): void {
    for (const { link } of this.#links.values()) link.close();
  }
}

class SentinelTopology implements Topology {
  readonly #guides: Guides;
  readonly #name: string;
  #master: Promise<ServerAddress> | undefined;

  constructor(address: RedisAddress, linkTo: LinkTo) {
    this.#guides = new Guides(address.nodes, linkTo);
    this.#name = address.master;
  }

  serverOf(): Promise<ServerAddress> {
    this.#master ??= this.#ask().catch((error) => {
      this.#master = undefined;
      throw error;
    });
    return this.#master;
  }

  async servers(): Promise<readonly ServerAddress[]> {
    return [await this.serverOf()];
  }

  doubt(): void {
    this.#master = undefined;
  }

  moved(): void {
    this.doubt();
  }

  close(): void {
    this.#guides.close();
  }

  #ask(): Promise<ServerAddress> {
    return this.#guides.ask(async (link) => {
      const reply = await link.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name]);
      if (!Array.isArray(reply)) return undefined;
      return { host: String(reply[0]), port: Number(String(reply[1])) };
    }, `no Sentinel knows a master ${this.#name}`);
  }
}

class ClusterTopology implements Topology {
  readonly #guides: Guides;
  #slots: (ServerAddress | undefined)[] = [];
  #isSure = false;
  #asking: Promise<void> | undefined;

  constructor(address: RedisAddress, linkTo: LinkTo) {
    this.#guides = new Guides(address.nodes, linkTo);
  }

  async serverOf(slot: number): Promise<ServerAddress> {
    await this.#know();
    const server = this.#slots[slot];
    if (server === undefined) {
      this.doubt();
      throw new ConnectionLost(
        `no node of the cluster has slot ${slot}: redis-cli --cluster check says which are missing`,
      );
    }
    return server;
  }

  async servers(): Promise<readonly ServerAddress[]> {
    await this.#know();
    const known = new Map(this.#slots.filter((each) => each !== undefined).map((each) => [keyOf(each), each]));
    return [...known.values()];
  }

  doubt(): void {
    this.#isSure = false;
  }

  moved(slot: number, to: ServerAddress): void {
    this.#slots[slot] = to;
    this.#guides.add(to);
    this.doubt();
  }

  close(): void {
    this.#guides.close();
  }

  async #know(): Promise<void> {
    if (this.#isSure) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const slots = await this.#guides.ask(async (link, { host }) => {
      const reply = await link.send(['CLUSTER', 'SLOTS']).catch((error: unknown) => {
        if (!(error instanceof ReplyError)) throw error;
        throw new ConnectionLost(`${error.message}; where it is no cluster, leave out cluster=true`);
      });
      if (!Array.isArray(reply)) return undefined;
      if (reply.length === 0)
        throw new ConnectionLost('no slots are assigned yet: redis-cli --cluster create does that');
      return slotsOf(reply as readonly Reply[], host);
    }, 'no node of the cluster says where the slots are');
    this.#slots = slots;
    this.#isSure = true;
    for (const server of new Set(slots)) if (server !== undefined) this.#guides.add(server);
  }
}

/** @param asked where a node that does not know its own address is */
function slotsOf(reply: readonly Reply[], asked: string): (ServerAddress | undefined)[] {
  const slots: (ServerAddress | undefined)[] = [];
  for (const range of reply as readonly (readonly Reply[])[]) {
    const [first, last, master] = range;
    if (!Array.isArray(master)) continue;
    const host = master[0] === null ? '' : String(master[0]);
    const server = { host: host === '' ? asked : host, port: Number(master[1]) };
    for (let slot = Number(first); slot <= Number(last); slot++) slots[slot] = server;
  }
  return slots;
}
