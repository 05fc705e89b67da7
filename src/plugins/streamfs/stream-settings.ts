/**
 * Settings of one stream (contract 98): what was asked for at its creation, checked against its mount and merged with the
 * mount's. A stream that asked for nothing shares its mount's object, so thousands of streams cost nothing for it.
 */
import { LAG_POLICIES } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import type { StreamSettings, StreamSettingsInForce } from '../../fs/index.ts';
import {
  ATOMIC,
  CONTAINERS,
  MAX_CONTENT_TYPE_LENGTH,
  normalContentType,
  READER_BLOCK,
  type StreamSettingName,
} from '../../protocol/index.ts';
import { formatDuration, formatSize, isIntegerFrom } from '../../units/index.ts';
import type { Settings } from './settings.ts';

/** Settings by their names on the wire, as they are written there. */
export type WrittenSettings = Readonly<Record<StreamSettingName, string>> & {
  readonly expires_at: string | undefined;
};

/** The settings of streams of a mount that ask for nothing else. */
export function settingsOfMount({
  retention,
  maxLag,
  onLag,
  readerBlock,
  atomic,
  type,
}: Settings): StreamSettingsInForce {
  return {
    ringBufferSize: retention,
    channelBufferSize: maxLag,
    ...{ onLag, readerBlock, atomic, type },
    container: 'auto',
    ttl: undefined,
    expiresAt: undefined,
  };
}

/**
 * What holds for a stream that was asked for with settings: the mount's own object where that is the same.
 *
 * @throws INVALID_PARAMETER for what makes no sense, is more than the mount allows, or contradicts itself
 */
export function settingsInForce(
  asked: StreamSettings,
  ofMount: StreamSettingsInForce,
  mount: Settings,
): StreamSettingsInForce {
  check(asked, mount);
  const inForce: StreamSettingsInForce = {
    ringBufferSize: asked.ringBufferSize ?? ofMount.ringBufferSize,
    channelBufferSize: asked.channelBufferSize ?? ofMount.channelBufferSize,
    onLag: asked.onLag ?? ofMount.onLag,
    readerBlock: asked.readerBlock ?? ofMount.readerBlock,
    atomic: asked.atomic ?? ofMount.atomic,
    type: asked.type === undefined ? ofMount.type : normalContentType(asked.type)!,
    container: asked.container ?? ofMount.container,
    ttl: asked.ttl,
    expiresAt: asked.expiresAt,
  };
  if (
    inForce.onLag === 'block' &&
    inForce.readerBlock === 'never' &&
    (asked.onLag ?? asked.readerBlock) !== undefined
  ) {
    const [name, other] =
      asked.onLag === undefined ? ['reader_block', 'on_lag=block'] : ['on_lag', 'reader_block=never'];
    throw invalid(
      name,
      `with ${other}${asked.onLag === undefined || asked.readerBlock === undefined ? ' of the mount' : ''} it contradicts itself: ` +
        'writers would wait for readers that may not make them wait; give another on_lag, or reader_block=writers',
    );
  }
  return isSame(inForce, ofMount) ? ofMount : inForce;
}

function isSame(one: StreamSettingsInForce, other: StreamSettingsInForce): boolean {
  return (Object.keys(one) as (keyof StreamSettingsInForce)[]).every((key) => one[key] === other[key]);
}

function check(asked: StreamSettings, mount: Settings): void {
  checkSize('ring_buffer_size', asked.ringBufferSize, mount.maxRetention);
  checkSize('channel_buffer_size', asked.channelBufferSize, mount.maxChannel);
  checkWord('on_lag', asked.onLag, LAG_POLICIES);
  checkWord('reader_block', asked.readerBlock, READER_BLOCK);
  checkWord('atomic', asked.atomic, ATOMIC);
  checkWord('container', asked.container, CONTAINERS);
  if (asked.type !== undefined && normalContentType(asked.type) === undefined) {
    throw invalid('type', `must be a content type such as audio/ogg, of at most ${MAX_CONTENT_TYPE_LENGTH} characters`);
  }
  checkTime('ttl', asked.ttl);
  checkTime('expires_at', asked.expiresAt);
  const { maxTtl } = mount;
  if (maxTtl > 0 && asked.ttl !== undefined && (asked.ttl === 0 || asked.ttl > maxTtl)) {
    const got = asked.ttl === 0 ? '0, which is for ever' : formatDuration(asked.ttl);
    throw invalid('ttl', `must be at most ${formatDuration(maxTtl)} here (max_ttl of the mount), got ${got}`);
  }
}

function checkSize(name: StreamSettingName, bytes: number | undefined, max: number): void {
  if (bytes === undefined) return;
  if (!isIntegerFrom(1, bytes)) throw invalid(name, `must be a whole number of bytes from 1, got ${bytes}`);
  if (bytes > max) {
    throw invalid(name, `must be at most ${formatSize(max)} here (max_${name} of the mount), got ${formatSize(bytes)}`);
  }
}

function checkTime(name: 'ttl' | 'expires_at', milliseconds: number | undefined): void {
  if (milliseconds === undefined || isIntegerFrom(0, milliseconds)) return;
  throw invalid(name, `must be a whole number of milliseconds from 0, got ${milliseconds}`);
}

function checkWord<Word extends string>(name: StreamSettingName, word: Word | undefined, words: readonly Word[]): void {
  if (word === undefined || words.includes(word)) return;
  throw invalid(name, `must be one of ${words.join(', ')}, got ${word}`);
}

function invalid(name: string, reason: string) {
  return createError('INVALID_PARAMETER', { name, reason });
}

/** Settings as facts of a stream, and as a query that asks for the same. Exact: they read back to what they are. */
export function writtenSettings(settings: StreamSettingsInForce, idleTimeout: number): WrittenSettings {
  const { expiresAt } = settings;
  return {
    ring_buffer_size: String(settings.ringBufferSize),
    channel_buffer_size: String(settings.channelBufferSize),
    on_lag: settings.onLag,
    reader_block: settings.readerBlock,
    atomic: settings.atomic,
    type: settings.type,
    container: settings.container,
    ttl: formatDuration(settings.ttl ?? idleTimeout),
    expires_at: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
  };
}

/** A setting that was asked for and is another. */
type SettingDifference = {
  setting: string;
  value: string;
  asked: string;
};

/**
 * Holds what is asked for against what holds.
 *
 * @param idleTimeout of the stream, in milliseconds, where its mount had another when it was made
 * @throws STREAM_SETTINGS_DIFFER, which names each that differs; as {@link settingsInForce} for what makes no sense
 */
export function requireSameSettings(
  path: string,
  asked: StreamSettings,
  inForce: StreamSettingsInForce,
  ofMount: StreamSettingsInForce,
  mount: Settings,
  idleTimeout = mount.idleTimeout,
): void {
  const wanted = settingsInForce(asked, ofMount, mount);
  const there = writtenSettings(inForce, idleTimeout);
  const named = new Set(Object.entries(asked).flatMap(([key, value]) => (value === undefined ? [] : [wireName(key)])));
  const differences = Object.entries(writtenSettings(wanted, mount.idleTimeout)).flatMap(
    ([setting, value]): SettingDifference[] => {
      const now = there[setting as keyof WrittenSettings] ?? 'none';
      return named.has(setting) && value !== undefined && now !== value ? [{ setting, value: now, asked: value }] : [];
    },
  );
  if (differences.length === 0) return;
  const told = differences.map(({ setting, value, asked: other }) => `${setting} is ${value}, not ${other}`).join('; ');
  throw createError('STREAM_SETTINGS_DIFFER', { path, differences: told }, { differences });
}

/** `ringBufferSize` as `ring_buffer_size`. */
function wireName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
