/** The search field, its options and position, and how lines are shown. */
import type { RefObject } from 'preact';
import { count } from '../../format.ts';
import { isNarrow } from '../../narrow.ts';
import { Menu } from '../menu.tsx';
import type { Search } from '../text/matcher.ts';
import { TIMES, type Times, type ViewState } from '../view-state.ts';
import type { LogStatus } from './log-list.ts';

export interface SearchBarProps {
  input: RefObject<HTMLInputElement | null>;
  state: ViewState;
  status: LogStatus;
  change: (change: Partial<ViewState>) => void;
  onNext: () => void;
  onPrevious: () => void;
}

const TIME_NAMES: Record<Times, string> = {
  off: 'no times',
  local: 'received, local',
  utc: 'received, UTC',
  relative: 'received … ago',
};

export function SearchBar({ change, input, onNext, onPrevious, state, status }: SearchBarProps) {
  const { search } = state;
  const set = (part: Partial<Search>) => change({ search: { ...search, ...part } });
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      (event.shiftKey ? onPrevious : onNext)();
    } else if (event.key === 'Escape') {
      input.current?.blur();
      set({ text: '' });
    }
  };
  const isSearch = search.text !== '';
  const toggles = (
    <>
      <Toggle label="Regular expression" sign=".*" isOn={search.isRegex} set={(isRegex) => set({ isRegex })} />
      <Toggle
        label="Match upper and lower case"
        sign="Aa"
        isOn={search.isCaseSensitive}
        set={(isCaseSensitive) => set({ isCaseSensitive })}
      />
      <Toggle label="Lines without it" sign="≠" isOn={search.isInverted} set={(isInverted) => set({ isInverted })} />
      <Toggle
        label="Only lines with hits"
        sign="filter"
        isOn={state.isFiltered}
        set={(isFiltered) => change({ isFiltered })}
      />
      {state.isFiltered ? (
        <label class="context-field">
          ±
          <input
            type="number"
            min={0}
            max={50}
            value={state.context}
            aria-label="Lines around each hit"
            onInput={(event) => change({ context: Math.min(50, Math.max(0, event.currentTarget.valueAsNumber || 0)) })}
          />
        </label>
      ) : null}
    </>
  );
  const options = (
    <>
      <Toggle label="Wrap long lines" sign="wrap" isOn={state.isWrapped} set={(isWrapped) => change({ isWrapped })} />
      <Toggle label="Lay out JSON" sign="{ }" isOn={state.isUnfolded} set={(isUnfolded) => change({ isUnfolded })} />
      <select
        aria-label="Time at which a line was received by this page"
        value={state.times}
        onChange={(event) => change({ times: TIMES.find((each) => each === event.currentTarget.value) ?? 'off' })}
      >
        {TIMES.map((each) => (
          <option key={each} value={each}>
            {TIME_NAMES[each]}
          </option>
        ))}
      </select>
    </>
  );
  return (
    <div class="log-bar">
      <search class="search-box">
        <input
          ref={input}
          type="search"
          data-search
          value={search.text}
          onInput={(event) => set({ text: event.currentTarget.value })}
          onKeyDown={onKey}
          placeholder="Search"
          aria-label="Search in lines"
          aria-keyshortcuts="/"
          aria-invalid={status.searchError !== undefined}
          spellcheck={false}
          autocomplete="off"
        />
        {isNarrow.value ? null : toggles}
        {isSearch ? (
          <span class="hits">
            <output data-testid="hits" class={status.searchError === undefined ? '' : 'error'}>
              {status.searchError ?? hitsText(status)}
            </output>
            {status.searchError === undefined ? (
              <>
                <button
                  type="button"
                  class="quiet"
                  aria-label="Previous match"
                  aria-keyshortcuts="Shift+N"
                  onClick={onPrevious}
                >
                  ↑
                </button>
                <button type="button" class="quiet" aria-label="Next match" aria-keyshortcuts="N" onClick={onNext}>
                  ↓
                </button>
              </>
            ) : null}
          </span>
        ) : null}
        {isNarrow.value ? (
          <Menu label="How to search and show lines" sign="⚙">
            {toggles}
            {options}
          </Menu>
        ) : null}
      </search>
      {isNarrow.value ? null : <div class="log-options">{options}</div>}
    </div>
  );
}

function hitsText({ hit, hits, isSearching }: LogStatus): string {
  const more = isSearching ? ' …' : '';
  if (hits === 0) return isSearching ? 'searching …' : 'no hits';
  return hit > 0 ? `${count(hit)} of ${count(hits)}${more}` : `${count(hits)}${more}`;
}

interface ToggleProps {
  label: string;
  sign: string;
  isOn: boolean;
  set: (isOn: boolean) => void;
}

function Toggle({ isOn, label, set, sign }: ToggleProps) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={isOn}
      aria-label={label}
      title={label}
      onClick={() => set(!isOn)}
    >
      {sign}
    </button>
  );
}
