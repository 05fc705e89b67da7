/**
 * The state of a read, derived only from known facts: the records received, the time of the last one, and the end of
 * the stream. Silence never counts as a live connection.
 *
 *     connecting ──open──► history ──caught-up──► live ──cut──► reconnecting ──open──► history …
 *         └──refused                         └──end──► ended, or gone ──next generation──► history …
 */
import { counted, size } from '../../format.ts';

/** Why a stream no longer exists. */
export type GoneReason = 'removed' | 'expired';

export type Phase =
  | { kind: 'connecting' }
  | { kind: 'history' }
  | { kind: 'live' }
  /** For a player that reads by itself: it plays, or has nothing left to play. */
  | { kind: 'playing' }
  | { kind: 'buffering' }
  | { kind: 'reconnecting'; until: number; attempt: number; why: string }
  /** `isLast`: no next generation is awaited, because it is not a stream. */
  | { kind: 'ended'; reason: string; status?: string | undefined; isLast?: boolean }
  /** Its stream no longer exists; a new one with its name is awaited. */
  | { kind: 'gone'; reason: GoneReason }
  | { kind: 'refused'; why: string; code: string };

export interface ReadingFacts {
  phase: Phase;
  /** Milliseconds since the last data, if longer than two heartbeats; else undefined. */
  silentFor: number | undefined;
  /** Offset of the next byte. */
  offset: number | undefined;
  /** Bytes of the stream that this page has not received; undefined if unknown. */
  lag: number | undefined;
  /** Bytes that are missing until the stream reaches the requested offset; undefined if it has, or if unknown. */
  ahead?: number | undefined;
  /** Bytes lost in gaps so far. */
  lost: number;
}

export interface ReadingText {
  /** A word or two. */
  state: string;
  detail: string;
  tone: 'good' | 'busy' | 'bad' | 'over';
}

const END_REASONS: Readonly<Record<string, string>> = {
  ended: 'its writer ended it',
  expired: 'it was unused for too long',
  timeout: 'no data arrived within the requested time',
  shutdown: 'the server stopped',
};

/** Error codes that mean that the stream does not exist. */
export const NOT_FOUND_CODES: readonly string[] = ['NOT_FOUND', 'STREAM_NOT_FOUND'];

/** Refusals whose text does not say enough to a user of the page. */
const REFUSALS: Readonly<Record<string, string>> = { IS_A_DIRECTORY: 'this is a directory, not a stream' };

/** Whether a read was refused because the stream does not exist. */
export function isNotFound({ code }: Phase & { kind: 'refused' }): boolean {
  return NOT_FOUND_CODES.includes(code);
}

/** A text for screen readers. */
export interface Announcement {
  /** Texts of the same phase differ only in figures. */
  phase: string;
  text: string;
}

export function announcementOf({ ahead, lost, phase, silentFor }: ReadingFacts): Announcement {
  const isSilent = silentFor !== undefined && (phase.kind === 'live' || phase.kind === 'history');
  const losses = lost === 0 ? '' : `, ${size(lost)} lost`;
  if (isSilent) return { phase: 'silent', text: `silent: nothing from the server${losses}` };
  // Without the seconds, which count down.
  if (phase.kind === 'reconnecting') return { phase: phase.kind, text: `reconnecting: ${phase.why}${losses}` };
  const { detail, state } = textOfReading({ ahead, phase, silentFor: undefined }, 0);
  return { phase: `${phase.kind} ${lost > 0}`, text: `${state}${detail === '' ? '' : `: ${detail}`}${losses}` };
}

export function textOfReading(
  { ahead, phase, silentFor }: Pick<ReadingFacts, 'ahead' | 'phase' | 'silentFor'>,
  now: number,
): ReadingText {
  if (silentFor !== undefined && (phase.kind === 'live' || phase.kind === 'history')) {
    return { state: 'silent', detail: `nothing from the server for ${Math.floor(silentFor / 1000)} s`, tone: 'bad' };
  }
  switch (phase.kind) {
    case 'connecting':
      return { state: 'connecting', detail: '', tone: 'busy' };
    case 'history':
      if (ahead !== undefined) {
        return {
          state: 'waiting',
          detail: `the stream ends ${counted(ahead, 'byte')} before this offset`,
          tone: 'busy',
        };
      }
      return { state: 'history', detail: 'reading the retained bytes', tone: 'busy' };
    case 'live':
      return { state: 'live', detail: '', tone: 'good' };
    case 'playing':
      return { state: 'playing', detail: '', tone: 'good' };
    case 'buffering':
      return { state: 'waiting', detail: 'the player has nothing to play yet', tone: 'busy' };
    case 'reconnecting': {
      const left = Math.max(0, Math.ceil((phase.until - now) / 1000));
      return { state: left > 0 ? `reconnecting in ${left} s` : 'reconnecting', detail: phase.why, tone: 'bad' };
    }
    case 'ended': {
      const reason = END_REASONS[phase.reason] ?? phase.reason;
      return {
        state: 'ended',
        detail: phase.status === undefined ? reason : `${reason}: ${phase.status}`,
        tone: 'over',
      };
    }
    case 'gone': {
      const detail = phase.reason === 'removed' ? '' : `${END_REASONS[phase.reason]}; `;
      return { state: 'removed', detail: `${detail}waiting for another stream with this name`, tone: 'busy' };
    }
    case 'refused':
      return isNotFound(phase)
        ? { state: 'not there', detail: 'there is no stream with this name', tone: 'bad' }
        : { state: 'refused', detail: REFUSALS[phase.code] ?? phase.why, tone: 'bad' };
  }
}
