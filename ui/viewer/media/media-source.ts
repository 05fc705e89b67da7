/** The parameters of a player: its format, and where in the stream it begins. */
import type { AddressParameters } from '../../session/page-client.ts';
import type { Sniffed } from '../bytes/sniff.ts';
import type { Start } from '../view-state.ts';

export interface MediaPlan {
  /** Audio only. */
  isSound: boolean;
  /** MPEG-TS is demultiplexed by a library: browsers do not play it by themselves. */
  isTransportStream: boolean;
  parameters: AddressParameters;
}

/** Players need a few seconds of data at once: from the live end alone they start late and stutter. */
const FEW_SECONDS: Readonly<Record<string, string>> = { 'audio/flac': '512KB', 'audio/x-flac': '512KB' };
const FEW_SECONDS_OF_SOUND = '96KB';
const FEW_SECONDS_OF_VIDEO = '1MB';

/** Formats that a player can start at any point: a few seconds of data are enough for them. */
const WITHOUT_HEADER = new Set(['audio/mpeg', 'audio/aac', 'audio/aacp', 'video/mp2t']);

/** A restart at the live end begins this long before it, if the bit rate is known. */
const LIVE_END_SECONDS = 4;
const LIVE_END_BYTES = { least: 32 * 1024, most: 8 * 1024 * 1024 } as const;

/**
 * @param start undefined: at the live end
 * @param bytesPerSecond the measured rate of the stream; undefined if unknown
 */
export function mediaPlan(
  declared: string | undefined,
  sniffed: Sniffed | undefined,
  start: Start | undefined,
  bytesPerSecond?: number,
): MediaPlan {
  const isDeclared = /^(?:audio|video)\//i.test(declared ?? '');
  const type = isDeclared ? declared! : sniffed !== undefined && 'type' in sniffed ? sniffed.type : 'video/mp4';
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return {
    isSound: essence.startsWith('audio/'),
    isTransportStream: essence === 'video/mp2t',
    parameters: {
      stream: true,
      ...(start === undefined ? { last: liveEnd(essence, bytesPerSecond) } : startParameters(essence, start)),
    },
  };
}

function liveEnd(essence: string, bytesPerSecond: number | undefined): string | number {
  if (bytesPerSecond === undefined) return fewSeconds(essence);
  const { least, most } = LIVE_END_BYTES;
  return Math.min(most, Math.max(least, Math.ceil(bytesPerSecond * LIVE_END_SECONDS)));
}

function fewSeconds(essence: string): string {
  return FEW_SECONDS[essence] ?? (essence.startsWith('audio/') ? FEW_SECONDS_OF_SOUND : FEW_SECONDS_OF_VIDEO);
}

function startParameters(essence: string, start: Start): AddressParameters {
  switch (start.type) {
    case 'recent':
      return { last: WITHOUT_HEADER.has(essence) ? fewSeconds(essence) : undefined };
    case 'earliest':
    case 'live':
      return { from: start.type };
    case 'offset':
      return { offset: start.offset, on_expired: 'skip' };
  }
}
