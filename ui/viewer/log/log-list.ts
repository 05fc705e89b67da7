/**
 * The list of a log and its functions: arriving rows, search, filter, selection, following. It reports only a status to
 * the surrounding bar, so that arriving lines render nothing else.
 */
import { count, counted, size } from '../../format.ts';
import { VirtualList } from '../list/virtual-list.ts';
import { Hits } from '../text/hits.ts';
import type { Splitter } from '../text/line-splitter.ts';
import { type Matcher, matcherFor, type Search } from '../text/matcher.ts';
import { AllRows, FilteredRows, type ShownRows } from '../text/shown-rows.ts';
import type { ViewState } from '../view-state.ts';
import { LogContent } from './log-content.ts';
import { LogModel } from './log-model.ts';
import { copiedText } from './row-text.ts';

export interface LogStatus {
  isFollowing: boolean;
  /** Lines that have arrived since the user left the end. */
  newLines: number;
  /** Lines at the beginning that were dropped. */
  droppedLines: number;
  lines: number;
  /** Neither lines nor notices are shown. */
  isEmpty: boolean;
  lostBytes: number;
  hits: number;
  /** The number of the current hit, from 1. */
  hit: number;
  isSearching: boolean;
  /** Why the expression is invalid. */
  searchError: string | undefined;
  selectedLines: number;
}

export type LogOptions = Pick<ViewState, 'search' | 'isFiltered' | 'context' | 'times' | 'isWrapped' | 'isUnfolded'>;

/** Milliseconds of each frame for searching; the rest is for drawing. */
const SEARCH_MS = 5;

/** How often the bar around the list is updated while lines arrive. */
const REPORT_INTERVAL_MS = 100;

export class LogList {
  readonly model: LogModel;
  readonly #list: VirtualList;
  readonly #content: LogContent;
  readonly #onStatus: (status: LogStatus) => void;
  readonly #ruler: HTMLElement;
  readonly #ticking: ReturnType<typeof setInterval>;
  #options: LogOptions | undefined;
  #matcher: Matcher | undefined;
  #hits: Hits | undefined;
  #searchError: string | undefined;
  #isSearching = false;
  /** The next row number at the time the user left the end. */
  #leftAt = 0;
  #isDue = false;
  #reportedAt = 0;
  #reportedEmpty = true;
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  /** Whether to show the first hit as soon as there is one. */
  #isHitWanted = false;

  constructor(
    element: HTMLElement,
    label: string,
    splitter: Splitter,
    onStatus: (status: LogStatus) => void,
    onFirstBytes: (bytes: Uint8Array) => void,
  ) {
    this.#onStatus = onStatus;
    this.model = new LogModel(splitter, () => this.#changed(), onFirstBytes);
    const { store } = this.model;
    this.#content = new LogContent(store, new AllRows(store));
    this.#list = new VirtualList(element, this.#content, {
      label,
      onFollowing: (isFollowing) => {
        this.#leftAt = isFollowing ? 0 : store.end;
        this.#report(true);
      },
    });
    this.#ruler = ruler(element);
    element.addEventListener('click', (event) => this.#onClick(event));
    // A selection in progress must not be scrolled away.
    document.addEventListener('selectionchange', this.#onSelection);
    this.#ticking = setInterval(() => this.#onTick(), 1000);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#reportTimer);
    document.removeEventListener('selectionchange', this.#onSelection);
    this.#list.stop();
  }

  setOptions(options: LogOptions): void {
    const before = this.#options;
    this.#options = options;
    const content = this.#content;
    const isFilterNew = this.#setSearch(options, before);
    content.times = options.times;
    content.isWrapped = options.isWrapped;
    content.unfold(options.isUnfolded);
    content.columns = this.#columns();
    this.#list.element.classList.toggle('wrapped', options.isWrapped);
    this.#list.element.classList.toggle('timed', options.times !== 'off');
    content.changed();
    if (isFilterNew) this.#filter(options);
    else this.#list.resetHeights();
    this.#changed();
    this.#report(true);
  }

  /** Goes to the next or previous hit, from the current position. */
  toHit(direction: 1 | -1): void {
    const hits = this.#hits;
    if (hits === undefined) return;
    const at = this.#content.current ?? this.#rowInSight() - direction;
    const next = hits.from(at, direction);
    if (next === undefined) {
      this.#isHitWanted = true;
      return;
    }
    this.#content.current = next;
    this.#content.changed();
    const place = this.#content.rows.placeOf(next);
    if (this.#list.isInSight(place)) {
      this.#list.setFollowing(false);
      this.#list.refresh();
    } else this.#list.scrollTo(place, 'middle');
    this.#report(true);
  }

  toFirst(): void {
    this.#list.scrollTo(this.#content.first);
  }

  follow(): void {
    this.#list.setFollowing(true);
  }

  toggleFollowing(): void {
    this.#list.setFollowing(!this.#list.isFollowing);
  }

  /** Folds or unfolds the selected value, or that of the current hit. */
  toggleFold(): void {
    const number = this.#content.selected?.from ?? this.#content.current;
    if (number !== undefined) this.#toggle(number);
  }

  /** The selected lines as text, including those that are not visible. */
  selectedText(): string {
    const { selected } = this.#content;
    if (selected === undefined) return '';
    return this.#texts(selected.from, selected.to);
  }

  /** The offset of the first selected line, or of the first visible one. */
  offset(): number | undefined {
    const { store } = this.model;
    for (let number = this.#content.selected?.from ?? this.#rowInSight(); number <= store.end; number++) {
      const row = store.at(number);
      if (row?.kind === 'line') return row.offset;
    }
    return undefined;
  }

  clearSelection(): void {
    this.#content.selected = undefined;
    this.#content.changed();
    this.#list.refresh();
    this.#report(true);
  }

  #texts(from: number, to: number): string {
    const texts: string[] = [];
    for (let number = Math.max(from, this.model.store.first); number <= to; number++) {
      const row = this.model.store.at(number);
      if (row !== undefined) texts.push(copiedText(row));
    }
    return texts.map((text) => `${text}\n`).join('');
  }

  /** Schedules one frame for all changes before it. */
  #changed(): void {
    if (this.#isDue || this.#isStopped) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#frame());
  }

  #frame(): void {
    this.#isDue = false;
    if (this.#isStopped) return;
    this.model.update();
    const isFiltered = this.#content.rows.update(performance.now() + SEARCH_MS);
    const isSearched = this.#hits?.update(performance.now() + SEARCH_MS) ?? true;
    this.#isSearching = !(isFiltered && isSearched);
    if (this.#isHitWanted && this.#hits !== undefined && this.#hits.count > 0) {
      this.#isHitWanted = false;
      this.toHit(1);
    }
    this.#list.refresh();
    this.#report(false);
    if (this.#isSearching) this.#changed();
    else this.#isHitWanted = false;
  }

  /** Returns whether the search has changed. */
  #setSearch(options: LogOptions, before: LogOptions | undefined): boolean {
    const isSame = before !== undefined && isSameSearch(options.search, before.search);
    if (!isSame) {
      const matcher = matcherFor(options.search);
      this.#searchError = matcher !== undefined && 'reason' in matcher ? matcher.reason : undefined;
      this.#matcher = matcher === undefined || 'reason' in matcher ? undefined : matcher;
      this.#hits = this.#matcher === undefined ? undefined : new Hits(this.model.store, this.#matcher);
      this.#content.matcher = this.#matcher;
      this.#content.current = undefined;
      // A filter shows its hits anyway; otherwise the view moves to the first hit from the current position.
      this.#isHitWanted = before !== undefined && !options.isFiltered;
    }
    return !isSame || options.isFiltered !== before?.isFiltered || options.context !== before.context;
  }

  #filter({ context, isFiltered }: LogOptions): void {
    const { store } = this.model;
    const at =
      this.#content.selected?.from ??
      this.#content.current ??
      (this.#list.isFollowing ? undefined : this.#rowInSight());
    const rows: ShownRows =
      isFiltered && this.#matcher !== undefined ? new FilteredRows(store, this.#matcher, context) : new AllRows(store);
    rows.update(performance.now() + SEARCH_MS);
    this.#content.rows = rows;
    this.#list.show(this.#content);
    if (at !== undefined) this.#list.scrollTo(rows.placeOf(at), 'middle');
  }

  #rowInSight(): number {
    const place = this.#list.firstInSight;
    if (place < this.#content.first || place >= this.#content.end) return this.model.store.first;
    const at = this.#content.rows.at(place);
    return at.type === 'row' ? at.number : this.model.store.first;
  }

  #onClick(event: MouseEvent): void {
    const { target } = event;
    const element = target instanceof Element ? target.closest<HTMLElement>('[data-row]') : null;
    if (element === null) return;
    const number = Number(element.dataset.row);
    if (target instanceof Element && target.classList.contains('fold-mark')) {
      this.#toggle(number);
      return;
    }
    // A click that ends a text selection does not select a line.
    if (document.getSelection()?.isCollapsed === false && !event.shiftKey) return;
    const { selected } = this.#content;
    if (event.shiftKey && selected !== undefined) {
      document.getSelection()?.removeAllRanges();
      this.#content.selected = { from: Math.min(selected.from, number), to: Math.max(selected.to, number) };
    } else if (selected?.from === number && selected.to === number) {
      this.#content.selected = undefined;
    } else {
      this.#content.selected = { from: number, to: number };
    }
    const options = this.#options;
    if (options?.isFiltered === true && this.#hits?.ordinalOf(number)) this.#content.current = number;
    this.#content.changed();
    this.#list.refresh();
    this.#report(true);
  }

  #toggle(number: number): void {
    this.#list.setFollowing(false);
    this.#content.toggle(number);
    this.#list.resetHeights();
  }

  readonly #onSelection = () => {
    const selection = document.getSelection();
    if (selection === null || selection.isCollapsed) return;
    if (this.#list.element.contains(selection.anchorNode)) this.#list.setFollowing(false);
  };

  #onTick(): void {
    if (this.#content.times === 'relative') {
      this.#content.changed();
      this.#list.refresh();
    }
  }

  /** Number of characters that fit in a line of this font. */
  #columns(): number {
    const width = this.#ruler.getBoundingClientRect().width / RULER.length;
    return width > 0 ? Math.floor((this.#list.element.clientWidth - 24) / width) : 100;
  }

  #report(isUrgent: boolean): void {
    const now = performance.now();
    clearTimeout(this.#reportTimer);
    const { store } = this.model;
    const isEmpty = store.end === store.first && store.partial === undefined;
    // The placeholder of an empty list disappears in the same frame in which the first line appears.
    if (!isUrgent && isEmpty === this.#reportedEmpty && now - this.#reportedAt < REPORT_INTERVAL_MS) {
      this.#reportTimer = setTimeout(() => this.#report(true), REPORT_INTERVAL_MS);
      return;
    }
    this.#reportedAt = now;
    this.#reportedEmpty = isEmpty;
    const { isFollowing } = this.#list;
    const { selected } = this.#content;
    this.#onStatus({
      isFollowing,
      newLines: isFollowing ? 0 : Math.max(0, store.end - Math.max(this.#leftAt, store.first)),
      droppedLines: store.first,
      lines: store.lines,
      isEmpty,
      lostBytes: store.lostBytes,
      hits: this.#hits?.count ?? 0,
      hit: this.#content.current === undefined ? 0 : (this.#hits?.ordinalOf(this.#content.current) ?? 0),
      isSearching: this.#isSearching,
      searchError: this.#searchError,
      selectedLines: selected === undefined ? 0 : selected.to - selected.from + 1,
    });
  }
}

/** Not wider than any list, which would otherwise scroll sideways. */
const RULER = '0'.repeat(20);

/** An invisible element as wide as this many characters. */
function ruler(list: HTMLElement): HTMLElement {
  const element = document.createElement('div');
  element.className = 'list-ruler';
  element.setAttribute('aria-hidden', 'true');
  element.textContent = RULER;
  list.append(element);
  return element;
}

function isSameSearch(one: Search, other: Search): boolean {
  return (
    one.text === other.text &&
    one.isRegex === other.isRegex &&
    one.isCaseSensitive === other.isCaseSensitive &&
    one.isInverted === other.isInverted
  );
}

/** The status text of the bar: how much is shown, and what is missing. */
export function statusText({ droppedLines, lines, lostBytes }: LogStatus, isJson: boolean): string {
  const parts = [counted(lines, isJson ? 'value' : 'line')];
  if (droppedLines > 0) parts.push(`${count(droppedLines)} older ones dropped`);
  if (lostBytes > 0) parts.push(`${size(lostBytes)} lost`);
  return parts.join(' · ');
}
