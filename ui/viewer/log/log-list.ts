/**
 * The list of a log with all that goes on over it: rows that come, searching, filtering, selecting, following. It tells
 * what a bar around it shows; all else stays here, so that lines that come draw nothing but lines.
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
  /** Lines that have come since the reader left the end. */
  newLines: number;
  /** Lines at the beginning that are no longer kept. */
  droppedLines: number;
  lines: number;
  /** Nothing is shown: no line, and nothing that happened. */
  isEmpty: boolean;
  lostBytes: number;
  hits: number;
  /** Which hit one is at, from 1 on. */
  hit: number;
  isSearching: boolean;
  /** What is wrong with the expression. */
  searchError: string | undefined;
  selectedLines: number;
}

export type LogOptions = Pick<ViewState, 'search' | 'isFiltered' | 'context' | 'times' | 'isWrapped' | 'isUnfolded'>;

/** Of each frame, for looking at lines: the rest is for drawing. */
const SEARCH_MS = 5;

/** How often the bar around the list is drawn anew while lines come. */
const TELL_MS = 100;

export class LogList {
  readonly model: LogModel;
  readonly #list: VirtualList;
  readonly #content: LogContent;
  readonly #tell: (status: LogStatus) => void;
  readonly #ruler: HTMLElement;
  readonly #ticking: ReturnType<typeof setInterval>;
  #options: LogOptions | undefined;
  #matcher: Matcher | undefined;
  #hits: Hits | undefined;
  #searchError: string | undefined;
  #isSearching = false;
  /** The number that the next row had when the reader left the end. */
  #leftAt = 0;
  #isDue = false;
  #toldAt = 0;
  #toldEmpty = true;
  #telling: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  /** Whether the first hit is to be shown as soon as there is one. */
  #isHitWanted = false;

  constructor(
    element: HTMLElement,
    label: string,
    splitter: Splitter,
    tell: (status: LogStatus) => void,
    onFirstBytes: (bytes: Uint8Array) => void,
  ) {
    this.#tell = tell;
    this.model = new LogModel(splitter, () => this.#changed(), onFirstBytes);
    const { store } = this.model;
    this.#content = new LogContent(store, new AllRows(store));
    this.#list = new VirtualList(element, this.#content, {
      label,
      onFollowing: (isFollowing) => {
        this.#leftAt = isFollowing ? 0 : store.end;
        this.#say(true);
      },
    });
    this.#ruler = ruler(element);
    element.addEventListener('click', (event) => this.#onClick(event));
    // What is being selected must not be moved away.
    document.addEventListener('selectionchange', this.#onSelection);
    this.#ticking = setInterval(() => this.#onTick(), 1000);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#telling);
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
    this.#say(true);
  }

  /** Goes to the next hit, or the one before, from where the reader is. */
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
    this.#say(true);
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

  /** Folds or unfolds the value that is selected, or that of the hit. */
  toggleFold(): void {
    const number = this.#content.selected?.from ?? this.#content.current;
    if (number !== undefined) this.#toggle(number);
  }

  /** The selected lines as text, also those that are not in sight. */
  selectedText(): string {
    const { selected } = this.#content;
    if (selected === undefined) return '';
    return this.#texts(selected.from, selected.to);
  }

  /** The offset of the first selected line, or of the first one in sight. */
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
    this.#say(true);
  }

  #texts(from: number, to: number): string {
    const texts: string[] = [];
    for (let number = Math.max(from, this.model.store.first); number <= to; number++) {
      const row = this.model.store.at(number);
      if (row !== undefined) texts.push(copiedText(row));
    }
    return texts.map((text) => `${text}\n`).join('');
  }

  /** Something has come: one frame takes up all that came before it. */
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
    this.#say(false);
    if (this.#isSearching) this.#changed();
    else this.#isHitWanted = false;
  }

  /** Whether the filter is another. */
  #setSearch(options: LogOptions, before: LogOptions | undefined): boolean {
    const isSame = before !== undefined && isSameSearch(options.search, before.search);
    if (!isSame) {
      const matcher = matcherFor(options.search);
      this.#searchError = matcher !== undefined && 'reason' in matcher ? matcher.reason : undefined;
      this.#matcher = matcher === undefined || 'reason' in matcher ? undefined : matcher;
      this.#hits = this.#matcher === undefined ? undefined : new Hits(this.model.store, this.#matcher);
      this.#content.matcher = this.#matcher;
      this.#content.current = undefined;
      // A filter shows its hits by itself; else the reader is taken to the first one from where they are.
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
    // A click that ends a selection of text is not one of a line.
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
    this.#say(true);
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

  /** Characters that fit beside each other, as the font has it. */
  #columns(): number {
    const width = this.#ruler.getBoundingClientRect().width / RULER.length;
    return width > 0 ? Math.floor((this.#list.element.clientWidth - 24) / width) : 100;
  }

  #say(isUrgent: boolean): void {
    const now = performance.now();
    clearTimeout(this.#telling);
    const { store } = this.model;
    const isEmpty = store.end === store.first && store.partial === undefined;
    // What stands in place of lines goes in the frame in which the first one comes.
    if (!isUrgent && isEmpty === this.#toldEmpty && now - this.#toldAt < TELL_MS) {
      this.#telling = setTimeout(() => this.#say(true), TELL_MS);
      return;
    }
    this.#toldAt = now;
    this.#toldEmpty = isEmpty;
    const { isFollowing } = this.#list;
    const { selected } = this.#content;
    this.#tell({
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

/** Not wider than any list: it would make that scroll sideways. */
const RULER = '0'.repeat(20);

/** As wide as so many characters, out of sight. */
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

/** What the bar says of the list: how much there is, and what is missing. */
export function statusText({ droppedLines, lines, lostBytes }: LogStatus, isJson: boolean): string {
  const parts = [counted(lines, isJson ? 'value' : 'line')];
  if (droppedLines > 0) parts.push(`${count(droppedLines)} older ones dropped`);
  if (lostBytes > 0) parts.push(`${size(lostBytes)} lost`);
  return parts.join(' · ');
}
