/** How a player is fed: with what, from where in the stream. */
import type { AddressParameters } from '../../session/page-client.ts';
import type { Sniffed } from '../bytes/sniff.ts';
import type { Start } from '../view-state.ts';

export interface MediaPlan {
  /** Without a picture. */
  isSound: boolean;
  /** MPEG-TS is taken apart by a library: browsers do not play it by themselves. */
  isTransportStream: boolean;
  parameters: AddressParameters;
}

/**
 * Players need a few seconds at once: from the live end alone they start late and stutter. So much of formats in which a
 * player finds its way from anywhere.
 */
const RECENT: Readonly<Record<string, string>> = {
  'audio/mpeg': '96KB',
  'audio/aac': '96KB',
  'audio/aacp': '96KB',
  'video/mp2t': '1MB',
};

export function mediaPlan(declared: string | undefined, sniffed: Sniffed | undefined, start: Start): MediaPlan {
  const isDeclared = /^(?:audio|video)\//i.test(declared ?? '');
  const type = isDeclared ? declared! : sniffed !== undefined && 'type' in sniffed ? sniffed.type : 'video/mp4';
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return {
    isSound: essence.startsWith('audio/'),
    isTransportStream: essence === 'video/mp2t',
    parameters: { stream: true, ...startParameters(essence, start) },
  };
}

function startParameters(essence: string, start: Start): AddressParameters {
  switch (start.type) {
    case 'recent':
      return { last: RECENT[essence] };
    case 'earliest':
    case 'live':
      return { from: start.type };
    case 'offset':
      return { offset: start.offset, on_expired: 'skip' };
  }
}
