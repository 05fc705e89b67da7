import { describe, expect, it } from 'vitest';
import { announcementOf, textOfReading } from '../../../ui/viewer/connection/reading.ts';
import { followStart, parseViewState, viewStateQuery } from '../../../ui/viewer/view-state.ts';

const parse = (query: string, isNarrow = false) => parseViewState(new URLSearchParams(query), isNarrow);
const query = (text: string, isNarrow = false) =>
  new URLSearchParams(
    Object.entries(viewStateQuery(parse(text, isNarrow), isNarrow)).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  ).toString();

describe('the state of the view in the address', () => {
  it.each([
    '',
    'view=hex&offset=100',
    'from=live&time=utc&wrap=1&unfold=1',
    'view=log&q=a+b%26c&regex=1&case=1&invert=1&filter=1&context=5',
  ])('is the same after it was read and written: %j', (text) => {
    expect(query(text)).toBe(text);
  });

  it.each([
    'view=evil',
    'offset=-1',
    'offset=1e9',
    'offset=99999999999999999999',
    'from=earlier',
    'time=<script>',
    'context=-3',
    'wrap=yes',
    'token=abc',
  ])('that makes no sense is as if it were not there: %j', (text) => {
    expect(query(text)).toBe('');
  });

  it('wraps long lines on a narrow screen unless it says otherwise, and says only what does not go without saying', () => {
    expect([parse('', true), parse('wrap=0', true), parse('wrap=1', true)].map((state) => state.isWrapped)).toEqual([
      true,
      false,
      true,
    ]);
    expect([parse(''), parse('wrap=0'), parse('wrap=1')].map((state) => state.isWrapped)).toEqual([false, false, true]);
    expect([query('', true), query('wrap=0', true), query('wrap=1', true)]).toEqual(['', 'wrap=0', '']);
    expect(query('wrap=0')).toBe('');
  });

  it('asks the stream for where it begins', () => {
    expect(followStart(parse('offset=7').start)).toEqual({ offset: 7, onExpired: 'skip' });
    expect(followStart(parse('from=live').start)).toEqual({ from: 'live' });
    expect(followStart(parse('').start)).toHaveProperty('last');
    expect(parse('context=1000').context).toBe(50);
  });
});

describe('the state of a read', () => {
  const facts = { silentFor: undefined, offset: 10, lag: 0, lost: 0 };
  it('is said in a word, with the reason', () => {
    const phases = [
      [{ kind: 'connecting' }, 'connecting', ''],
      [{ kind: 'history' }, 'history', 'reading the retained bytes'],
      [{ kind: 'live' }, 'live', ''],
      [
        { kind: 'reconnecting', until: 5000, attempt: 2, why: 'connection refused' },
        'reconnecting in 4 s',
        'connection refused',
      ],
      [{ kind: 'reconnecting', until: 900, attempt: 2, why: 'cut' }, 'reconnecting', 'cut'],
      [{ kind: 'ended', reason: 'ended', status: 'exit 3' }, 'ended', 'its writer ended it: exit 3'],
      [{ kind: 'gone', reason: 'removed' }, 'removed', 'waiting for another stream with this name'],
      [
        { kind: 'gone', reason: 'expired' },
        'removed',
        'it was unused for too long; waiting for another stream with this name',
      ],
      [{ kind: 'refused', why: 'no right', code: 'FORBIDDEN' }, 'refused', 'no right'],
      [
        { kind: 'refused', why: 'is a directory: /', code: 'IS_A_DIRECTORY' },
        'refused',
        'this is a directory, not a stream',
      ],
    ] as const;
    for (const [phase, state, detail] of phases) {
      expect(textOfReading({ ...facts, phase }, 1000)).toMatchObject({ state, detail });
    }
    expect(textOfReading({ ...facts, phase: { kind: 'history' }, ahead: 1234 }, 0)).toMatchObject({
      state: 'waiting',
      detail: 'the stream ends 1,234 bytes before this offset',
    });
  });

  it('is announced with its reason and losses, and without figures that count', () => {
    const lost = 2048;
    expect(announcementOf({ ...facts, phase: { kind: 'live' } }).text).toBe('live');
    expect(announcementOf({ ...facts, phase: { kind: 'live' }, lost }).text).toBe('live, 2.0 KB lost');
    expect(announcementOf({ ...facts, phase: { kind: 'live' }, silentFor: 4200 }).text).toBe(
      'silent: nothing from the server',
    );
    const reconnecting = { kind: 'reconnecting', attempt: 1, why: 'cut' } as const;
    const texts = [0, 5000].map((until) => announcementOf({ ...facts, phase: { ...reconnecting, until } }).text);
    expect(texts).toEqual(['reconnecting: cut', 'reconnecting: cut']);
    // Texts of one phase differ only in figures, which are announced rarely.
    const phases = [lost, lost * 2].map(
      (bytes) => announcementOf({ ...facts, phase: { kind: 'live' }, lost: bytes }).phase,
    );
    expect(phases[0]).toBe(phases[1]);
    expect(phases[0]).not.toBe(announcementOf({ ...facts, phase: { kind: 'live' } }).phase);
  });

  it('is never live while nothing comes', () => {
    expect(textOfReading({ ...facts, phase: { kind: 'live' }, silentFor: 4200 }, 0)).toMatchObject({
      state: 'silent',
      tone: 'bad',
      detail: 'nothing from the server for 4 s',
    });
  });
});
