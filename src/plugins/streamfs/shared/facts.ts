/**
 * What a log keeps of a stream for its file system, beside its bytes. Its settings are the stream's own, whatever the mounts of
 * other nodes say: of them stands there what differs from {@link LEFT_OUT}, so that most streams need nothing.
 */
import type { StreamSettingsInForce } from '../../../fs/index.ts';
import type { NewStream, StreamState, StreamTerms } from '../../../logs/index.ts';
import { OCTET_STREAM } from '../../../protocol/index.ts';

/** How long a stream that only readers have opened is kept without any, in milliseconds: any node may have the last. */
const UNCLAIMED_TTL_MS = 60_000;

/** What settings are that are left out. Never to be changed: it is so in all logs there are. */
const LEFT_OUT: StreamSettingsInForce = {
  ringBufferSize: 6 * 1024 * 1024,
  channelBufferSize: 6 * 1024 * 1024,
  onLag: 'drop-oldest',
  readerBlock: 'writers',
  atomic: 'none',
  type: OCTET_STREAM,
  container: 'auto',
  ttl: undefined,
  expiresAt: undefined,
};

interface Facts {
  /** Where they are not those that are left out. */
  settings?: Partial<StreamSettingsInForce> | undefined;
  /** Milliseconds it lives without use where its settings say nothing of that: its mount's, where it was made; left out: 0. */
  idle?: number | undefined;
  /** Only readers have opened it so far. */
  unclaimed?: true | undefined;
}

export interface KnownFacts {
  readonly settings: StreamSettingsInForce;
  /** Milliseconds without use after which it is removed where its settings do not say; 0: never. */
  readonly idleTimeout: number;
  readonly isUnclaimed: boolean;
}

/** Facts of most streams are the same few texts. */
const read = new Map<string, KnownFacts>();
const MAX_READ = 1000;

export function factsOf({ facts }: Pick<StreamState, 'facts'>): KnownFacts {
  const known = read.get(facts);
  if (known !== undefined) return known;
  const { idle = 0, settings, unclaimed }: Facts = facts === '' ? {} : JSON.parse(facts);
  const found = {
    settings: settings === undefined ? LEFT_OUT : { ...LEFT_OUT, ...settings },
    idleTimeout: idle,
    isUnclaimed: unclaimed === true,
  };
  if (read.size >= MAX_READ) read.clear();
  read.set(facts, found);
  return found;
}

function withoutLeftOut(settings: StreamSettingsInForce): Partial<StreamSettingsInForce> | undefined {
  const left = Object.entries(settings).filter(
    ([name, value]) => value !== LEFT_OUT[name as keyof StreamSettingsInForce],
  );
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

/** @param idleTimeout the mount's, in milliseconds; 0: none */
export function termsOf(
  settings: StreamSettingsInForce,
  { idleTimeout, isUnclaimed = false }: { idleTimeout: number; isUnclaimed?: boolean },
): StreamTerms {
  const facts: Facts = {
    settings: withoutLeftOut(settings),
    idle: idleTimeout === 0 ? undefined : idleTimeout,
    unclaimed: isUnclaimed ? true : undefined,
  };
  const ttl = settings.ttl ?? idleTimeout;
  const ownTtl = ttl === 0 ? undefined : ttl;
  return {
    retention: settings.ringBufferSize,
    ttl: isUnclaimed ? Math.min(UNCLAIMED_TTL_MS, ownTtl ?? UNCLAIMED_TTL_MS) : ownTtl,
    expiresAt: settings.expiresAt,
    facts: JSON.stringify(facts),
  };
}

export function newStream(path: string, terms: StreamTerms): NewStream {
  const { expiresAt, facts, retention, ttl } = terms;
  return { path, retention, ttl, expiresAt, facts };
}

/** How often a stream with so long to live has to be renewed while it is in use, in milliseconds. */
export function renewalOf(
  { settings, autoCreated }: { settings: StreamSettingsInForce; autoCreated: boolean },
  idleTimeout: number,
): number {
  const ttl = autoCreated ? UNCLAIMED_TTL_MS : (settings.ttl ?? idleTimeout);
  return ttl === 0 ? Number.POSITIVE_INFINITY : ttl / 4;
}
