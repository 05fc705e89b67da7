/**
 * The settings of one stream (contract 98): requested at its creation, checked against the limits of the mount, and
 * merged with the mount's settings. Streams without requested settings share the mount's object, so that thousands of
 * them cost no memory.
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

/** Formatted settings by their wire names. */
export type WrittenSettings = Readonly<Record<StreamSettingName, string>> & {
  readonly expires_at: string | undefined;
};

/** The settings of streams that request none. */
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
 * The settings in force for a stream with requested settings: the mount's own object if they are equal.
 *
 * @throws INVALID_PARAMETER for settings that are invalid, exceed the limits of the mount, or contradict each other
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

/**
 * Formats settings as facts of a stream, and as a query that requests the same settings. Parsing them yields exactly
 * the same values.
 */
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

/** A requested setting that differs from the one in force. */
type SettingDifference = {
  setting: string;
  value: string;
  asked: string;
};

/**
 * Requires that requested settings equal those in force.
 *
 * @param idleTimeout the stream's, in milliseconds, if its mount had another at its creation
 * @throws STREAM_SETTINGS_DIFFER, naming each difference; as {@link settingsInForce} for invalid settings
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
  const text = differences.map(({ setting, value, asked: other }) => `${setting} is ${value}, not ${other}`).join('; ');
  throw createError('STREAM_SETTINGS_DIFFER', { path, differences: text }, { differences });
}

/** Converts `ringBufferSize` to `ring_buffer_size`. */
function wireName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
