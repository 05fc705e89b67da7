/** What a log keeps of a stream for its file system, beside its bytes. */
import type { StreamSettingsInForce } from '../../../fs/index.ts';
import type { NewStream, StreamState, StreamTerms } from '../../../logs/index.ts';

/** How long a stream that only readers have opened is kept without any, in milliseconds: any node may have the last. */
const UNCLAIMED_TTL_MS = 60_000;

interface Facts {
  /** Where they are not its mount's. */
  settings?: StreamSettingsInForce | undefined;
  /** Only readers have opened it so far. */
  unclaimed?: true | undefined;
}

/** Of a stream with the settings of its mount. */
const NO_FACTS = JSON.stringify({});

export interface KnownFacts {
  readonly settings: StreamSettingsInForce;
  readonly isUnclaimed: boolean;
}

export function factsOf({ facts }: Pick<StreamState, 'facts'>, ofMount: StreamSettingsInForce): KnownFacts {
  if (facts === NO_FACTS) return { settings: ofMount, isUnclaimed: false };
  const known: Facts = facts === '' ? {} : JSON.parse(facts);
  const settings = known.settings === undefined ? ofMount : { ...ofMount, ...known.settings };
  return { settings, isUnclaimed: known.unclaimed === true };
}

/** @param idleTimeout the mount's, in milliseconds; 0: none */
export function termsOf(
  settings: StreamSettingsInForce,
  ofMount: StreamSettingsInForce,
  { idleTimeout, isUnclaimed = false }: { idleTimeout: number; isUnclaimed?: boolean },
): StreamTerms {
  const facts: Facts = {
    settings: settings === ofMount ? undefined : settings,
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
