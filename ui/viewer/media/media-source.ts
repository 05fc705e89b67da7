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

/** @param isAgain restart at the live end, wherever playback began before */
export function mediaPlan(
  declared: string | undefined,
  sniffed: Sniffed | undefined,
  start: Start,
  isAgain = false,
): MediaPlan {
  const isDeclared = /^(?:audio|video)\//i.test(declared ?? '');
  const type = isDeclared ? declared! : sniffed !== undefined && 'type' in sniffed ? sniffed.type : 'video/mp4';
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return {
    isSound: essence.startsWith('audio/'),
    isTransportStream: essence === 'video/mp2t',
    parameters: { stream: true, ...(isAgain ? { last: fewSeconds(essence) } : startParameters(essence, start)) },
  };
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
