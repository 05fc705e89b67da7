/** Maps slots to servers: a fixed server, the master known to Sentinels, or the nodes of a cluster. */
import type { RedisAddress, ServerAddress } from './address.ts';
import { ConnectionLost, type Reply, ReplyError } from './driver.ts';
import type { Link } from './link.ts';

export interface Topology {
  /** @throws ConnectionLost if no server provides it */
  serverOf(slot: number): Promise<ServerAddress>;
  /** All known masters. */
  servers(): Promise<readonly ServerAddress[]>;
  /** Marks the known topology as possibly outdated: the next call queries it again. */
  invalidate(): void;
  /** Records the new server of a slot, from a redirection. */
  moved(slot: number, to: ServerAddress): void;
  close(): void;
}

/** Creates a link to a server that knows the topology. */
export type LinkTo = (address: ServerAddress) => Link;

export function createTopology(address: RedisAddress, linkTo: LinkTo): Topology {
  if (address.mode === 'sentinel') return new SentinelTopology(address, linkTo);
  if (address.mode === 'cluster') return new ClusterTopology(address, linkTo);
  const [server] = address.nodes;
  return {
    serverOf: async () => server!,
    servers: async () => [server!],
    invalidate: () => undefined,
    moved: () => undefined,
    close: () => undefined,
  };
}

export function keyOf({ host, port }: ServerAddress): string {
  return `${host}:${port}`;
}

/** Servers that know the topology, asked one after another until one replies. */
class SeedServers {
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

  /** @returns the first reply that is not undefined */
  async ask<T>(ask: (link: Link, address: ServerAddress) => Promise<T | undefined>, what: string): Promise<T> {
    let problem = 'none replies';
    for (const [key, seed] of [...this.#links]) {
      try {
        const reply = await ask(seed.link, seed.address);
        if (reply !== undefined) {
          // Ask the server that replied first the next time.
          const others = [...this.#links].filter(([other]) => other !== key);
          this.#links.clear();
          for (const [other, value] of [[key, seed] as const, ...others]) this.#links.set(other, value);
          return reply;
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
  readonly #seeds: SeedServers;
  readonly #name: string;
  #master: Promise<ServerAddress> | undefined;

  constructor(address: RedisAddress, linkTo: LinkTo) {
    this.#seeds = new SeedServers(address.nodes, linkTo);
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

  invalidate(): void {
    this.#master = undefined;
  }

  moved(): void {
    this.invalidate();
  }

  close(): void {
    this.#seeds.close();
  }

  #ask(): Promise<ServerAddress> {
    return this.#seeds.ask(async (link) => {
      const reply = await link.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name]);
      if (!Array.isArray(reply)) return undefined;
      return { host: String(reply[0]), port: Number(String(reply[1])) };
    }, `no Sentinel knows a master ${this.#name}`);
  }
}

class ClusterTopology implements Topology {
  readonly #seeds: SeedServers;
  #slots: (ServerAddress | undefined)[] = [];
  #isFresh = false;
  #asking: Promise<void> | undefined;

  constructor(address: RedisAddress, linkTo: LinkTo) {
    this.#seeds = new SeedServers(address.nodes, linkTo);
  }

  async serverOf(slot: number): Promise<ServerAddress> {
    await this.#ensureFresh();
    const server = this.#slots[slot];
    if (server === undefined) {
      this.invalidate();
      throw new ConnectionLost(
        `no node of the cluster has slot ${slot}: redis-cli --cluster check lists the missing ones`,
      );
    }
    return server;
  }

  async servers(): Promise<readonly ServerAddress[]> {
    await this.#ensureFresh();
    const known = new Map(this.#slots.filter((each) => each !== undefined).map((each) => [keyOf(each), each]));
    return [...known.values()];
  }

  invalidate(): void {
    this.#isFresh = false;
  }

  moved(slot: number, to: ServerAddress): void {
    this.#slots[slot] = to;
    this.#seeds.add(to);
    this.invalidate();
  }

  close(): void {
    this.#seeds.close();
  }

  async #ensureFresh(): Promise<void> {
    if (this.#isFresh) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const slots = await this.#seeds.ask(async (link, { host }) => {
      const reply = await link.send(['CLUSTER', 'SLOTS']).catch((error: unknown) => {
        if (!(error instanceof ReplyError)) throw error;
        throw new ConnectionLost(`${error.message}; if it is not a cluster, leave out cluster=true`);
      });
      if (!Array.isArray(reply)) return undefined;
      if (reply.length === 0)
        throw new ConnectionLost('no slots are assigned yet: redis-cli --cluster create does that');
      return slotsOf(reply as readonly Reply[], host);
    }, 'no node of the cluster reports the slots');
    this.#slots = slots;
    this.#isFresh = true;
    for (const server of new Set(slots)) if (server !== undefined) this.#seeds.add(server);
  }
}

/** @param asked the host that was asked, used for nodes that do not know their own address */
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
