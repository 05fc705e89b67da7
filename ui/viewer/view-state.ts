/**
 * The state of the viewer as stored in the address: where it begins, which view is shown, the search. Addresses are
 * shared with others, so invalid values are ignored.
 */
import type { FollowOptions } from '../../src/client/index.ts';
import { NO_SEARCH, type Search } from './text/matcher.ts';

export const VIEWS = ['log', 'terminal', 'json', 'hex', 'image', 'media'] as const;
export type ViewName = (typeof VIEWS)[number];

export const TIMES = ['off', 'local', 'utc', 'relative'] as const;
export type Times = (typeof TIMES)[number];

export type Start = { type: 'recent' } | { type: 'earliest' } | { type: 'live' } | { type: 'offset'; offset: number };

export interface ViewState {
  /** Undefined: chosen by the type of the stream, or by its bytes. */
  view: ViewName | undefined;
  start: Start;
  search: Search;
  /** Only hits are shown, with `context` lines around each. */
  isFiltered: boolean;
  context: number;
  times: Times;
  isWrapped: boolean;
  /** JSON lines are unfolded. */
  isUnfolded: boolean;
}

/** Default amount of history that is shown: it loads quickly. */
const RECENT_BYTES = 8 * 1024 * 1024;

const DEFAULT_CONTEXT = 2;
const MAX_CONTEXT = 50;

/** @param isNarrow whether long lines are wrapped by default: on a phone most lines are too long */
export function parseViewState(query: URLSearchParams, isNarrow: boolean): ViewState {
  const wrap = query.get('wrap');
  const context = wholeNumber(query.get('context'));
  return {
    view: oneOf(VIEWS, query.get('view')),
    start: startOf(query),
    search: {
      ...NO_SEARCH,
      text: query.get('q') ?? '',
      isRegex: query.get('regex') === '1',
      isCaseSensitive: query.get('case') === '1',
      isInverted: query.get('invert') === '1',
    },
    isFiltered: query.get('filter') === '1',
    context: context === undefined ? DEFAULT_CONTEXT : Math.min(context, MAX_CONTEXT),
    times: oneOf(TIMES, query.get('time')) ?? 'off',
    isWrapped: wrap === '1' || (isNarrow && wrap !== '0'),
    isUnfolded: query.get('unfold') === '1',
  };
}

/** The state for the address: `undefined` removes a parameter, because defaults are omitted. */
export function viewStateQuery(state: ViewState, isNarrow: boolean): Record<string, string | undefined> {
  const { context, isFiltered, isUnfolded, isWrapped, search, start, times, view } = state;
  const flag = (on: boolean) => (on ? '1' : undefined);
  return {
    view,
    from: start.type === 'earliest' || start.type === 'live' ? start.type : undefined,
    offset: start.type === 'offset' ? String(start.offset) : undefined,
    q: search.text === '' ? undefined : search.text,
    regex: flag(search.isRegex),
    case: flag(search.isCaseSensitive),
    invert: flag(search.isInverted),
    filter: flag(isFiltered),
    context: context === DEFAULT_CONTEXT ? undefined : String(context),
    time: times === 'off' ? undefined : times,
    wrap: isWrapped === isNarrow ? undefined : isWrapped ? '1' : '0',
    unfold: flag(isUnfolded),
  };
}

/** The parameters of the read. An offset that is no longer retained is not an error: the loss is shown as a gap. */
export function followStart(start: Start): Pick<FollowOptions, 'from' | 'last' | 'offset' | 'onExpired'> {
  switch (start.type) {
    case 'recent':
      return { last: RECENT_BYTES };
    case 'earliest':
    case 'live':
      return { from: start.type };
    case 'offset':
      return { offset: start.offset, onExpired: 'skip' };
  }
}

function startOf(query: URLSearchParams): Start {
  const offset = wholeNumber(query.get('offset'));
  if (offset !== undefined) return { type: 'offset', offset };
  const from = oneOf(['earliest', 'live'] as const, query.get('from'));
  return from === undefined ? { type: 'recent' } : { type: from };
}

function oneOf<T extends string>(known: readonly T[], text: string | null): T | undefined {
  return known.find((each) => each === text);
}

function wholeNumber(text: string | null): number | undefined {
  if (text === null || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
