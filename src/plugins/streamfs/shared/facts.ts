/**
 * The facts that a log stores for a stream in addition to its bytes. The settings belong to the stream, independent of
 * the mounts on other nodes. Only differences from {@link BASE_SETTINGS} are stored, so that most streams need no
 * facts.
 */
import type { StreamSettingsInForce } from '../../../fs/index.ts';
import type { NewStream, StreamState, StreamTerms } from '../../../logs/index.ts';
import { OCTET_STREAM } from '../../../protocol/index.ts';

/** Milliseconds for which a stream opened only by readers is kept without any: the last reader may be on any node. */
const UNCLAIMED_TTL_MS = 60_000;

/** The settings assumed for missing ones. They must never change, because existing logs depend on them. */
const BASE_SETTINGS: StreamSettingsInForce = {
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
  /** Only settings that differ from {@link BASE_SETTINGS}. */
  settings?: Partial<StreamSettingsInForce> | undefined;
  /**
   * The idle timeout of the creating mount in milliseconds, which applies if the settings have no `ttl`; 0 is omitted.
   */
  idle?: number | undefined;
  /** Only readers have opened the stream so far. */
  unclaimed?: true | undefined;
  /** Distinguishes a claim from another one with the same settings. */
  claim?: string | undefined;
}

export interface KnownFacts {
  readonly settings: StreamSettingsInForce;
  /** Milliseconds without use after which the stream is removed if its settings have no `ttl`; 0 for never. */
  readonly idleTimeout: number;
  readonly isUnclaimed: boolean;
}

/** Caches parsed facts, because most streams have one of a few texts. */
const read = new Map<string, KnownFacts>();
const MAX_READ = 1000;

export function factsOf({ facts }: Pick<StreamState, 'facts'>): KnownFacts {
  const known = read.get(facts);
  if (known !== undefined) return known;
  const { idle = 0, settings, unclaimed }: Facts = facts === '' ? {} : JSON.parse(facts);
  const found = {
    settings: settings === undefined ? BASE_SETTINGS : { ...BASE_SETTINGS, ...settings },
    idleTimeout: idle,
    isUnclaimed: unclaimed === true,
  };
  if (read.size >= MAX_READ) read.clear();
  read.set(facts, found);
  return found;
}

function differencesFromBase(settings: StreamSettingsInForce): Partial<StreamSettingsInForce> | undefined {
  const left = Object.entries(settings).filter(
    ([name, value]) => value !== BASE_SETTINGS[name as keyof StreamSettingsInForce],
  );
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

/**
 * @param idleTimeout the mount's, in milliseconds; 0 for none
 * @param claim a unique id, if the terms are for a claim
 */
export function termsOf(
  settings: StreamSettingsInForce,
  { claim, idleTimeout, isUnclaimed = false }: { claim?: string; idleTimeout: number; isUnclaimed?: boolean },
): StreamTerms {
  const facts: Facts = {
    settings: differencesFromBase(settings),
    idle: idleTimeout === 0 ? undefined : idleTimeout,
    unclaimed: isUnclaimed ? true : undefined,
    claim,
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

/** How often a stream in use has to be renewed, given its time to live, in milliseconds. */
export function renewalOf(
  { settings, autoCreated }: { settings: StreamSettingsInForce; autoCreated: boolean },
  idleTimeout: number,
): number {
  const ttl = autoCreated ? UNCLAIMED_TTL_MS : (settings.ttl ?? idleTimeout);
  return ttl === 0 ? Number.POSITIVE_INFINITY : ttl / 4;
}
