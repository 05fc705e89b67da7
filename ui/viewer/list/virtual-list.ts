/**
 * A virtual list: only visible rows have elements. It follows its end as long as the user is at the end. Scrolling by the
 * user is distinguished from scrolling by the list, so the list never drags a user who has left the end. Rows removed
 * at the front do not move the visible ones.
 *
 * Rows are in normal flow within a box that is moved to the position of its first row, so that text can be selected
 * across rows. A row keeps its element as long as it is visible.
 */
import { RowHeights } from '../text/row-heights.ts';

export interface ListContent {
  readonly first: number;
  readonly end: number;
  /** Rows from this one on may have changed at the next `refresh`. */
  readonly settled: number;
  /** In pixels; only an estimate for rows that are measured. */
  heightOf(row: number): number;
  /** Whether the row is measured after it is drawn. */
  isMeasured(row: number): boolean;
  /** A key of everything that affects the drawing, including the visible part of a high row, in pixels. */
  keyOf(row: number, from: number, to: number): unknown;
  draw(element: HTMLElement, row: number, from: number, to: number): void;
}

export interface ListOptions {
  /** Label for screen readers. */
  label: string;
  /** Called when the user leaves the end, or returns to it. */
  onFollowing(isFollowing: boolean): void;
}

/** Margin drawn beyond both edges, in pixels, so that scrolling shows no holes. */
const MARGIN_PX = 90;

/**
 * Browsers limit the height of elements: Firefox to 17.8 million pixels. Higher contents are scrolled in larger steps.
 */
const MAX_HEIGHT_PX = 15_000_000;

/** A smaller distance to the end counts as being at the end. */
const AT_END_PX = 4;

interface Drawn {
  row: number;
  element: HTMLElement;
  key: unknown;
}

export class VirtualList {
  readonly element: HTMLElement;
  readonly #space = document.createElement('div');
  readonly #box = document.createElement('div');
  readonly #onFollowing: ListOptions['onFollowing'];
  readonly #heights = new RowHeights();
  readonly #resizing: ResizeObserver;
  readonly #leaving = new AbortController();
  #content: ListContent;
  #drawn: Drawn[] = [];
  readonly #spare: HTMLElement[] = [];
  #settled = 0;
  #isFollowing = true;
  /** The position to which the list last scrolled: a scroll event at another position is the user's. */
  #ownTop = 0;
  /** The row at the upper edge, kept there when heights above it change. */
  #anchor = { row: 0, below: 0 };
  #isDue = false;
  #isAllDue = false;
  /** `scrollTo` was called, and has not taken effect yet. */
  #isScrollDue = false;

  constructor(element: HTMLElement, content: ListContent, options: ListOptions) {
    this.element = element;
    this.#content = content;
    this.#onFollowing = options.onFollowing;
    this.#space.className = 'list-space';
    this.#box.className = 'list-box';
    // A scrollable element must be reachable by keyboard.
    element.tabIndex = 0;
    element.setAttribute('role', 'list');
    element.setAttribute('aria-label', options.label);
    for (const part of [this.#space, this.#box]) part.setAttribute('role', 'presentation');
    element.replaceChildren(this.#space, this.#box);
    const { signal } = this.#leaving;
    element.addEventListener('scroll', () => this.#onScroll(), { signal, passive: true });
    // Before the scroll takes effect: otherwise rows that arrive in the same frame would undo it.
    element.addEventListener('wheel', (event) => event.deltaY < 0 && this.#leaveEnd(), { signal, passive: true });
    element.addEventListener('touchmove', () => this.#leaveEnd(), { signal, passive: true });
    element.addEventListener('keydown', (event) => LEAVING_KEYS.has(event.key) && this.#leaveEnd(), { signal });
    this.#resizing = new ResizeObserver(() => this.resetHeights());
    this.#resizing.observe(element);
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Replaces all rows. */
  show(content: ListContent): void {
    this.#content = content;
    this.#heights.restart(content.first);
    this.#settled = content.first;
    this.#forgetDrawn();
    this.refresh();
  }

  /** Call after rows were added, removed or changed. */
  refresh(): void {
    if (this.#isDue || this.#leaving.signal.aborted) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#frame());
  }

  /** Recalculates all heights, after a change of width or presentation. */
  resetHeights(): void {
    this.#isAllDue = true;
    this.refresh();
  }

  setFollowing(isFollowing: boolean): void {
    if (this.#isFollowing === isFollowing) return;
    this.#isFollowing = isFollowing;
    if (!isFollowing) this.#takeAnchor();
    this.#onFollowing(isFollowing);
    this.refresh();
  }

  /** Scrolls `row` to the upper edge, or a third below it; stops following the end. */
  scrollTo(row: number, place: 'top' | 'middle' = 'top'): void {
    this.setFollowing(false);
    const below = place === 'top' ? 0 : -Math.floor(this.element.clientHeight / 3);
    this.#anchor = { row, below };
    this.#isScrollDue = true;
    this.refresh();
  }

  /** False while a scroll is pending, because the visible rows are about to change. */
  isInSight(row: number): boolean {
    if (this.#isScrollDue) return false;
    const top = this.#heights.topOf(row);
    const from = this.#toContent(this.element.scrollTop);
    return (
      row < this.#heights.end && top >= from && top + this.#heights.heightOf(row) <= from + this.element.clientHeight
    );
  }

  /** The first visible row. */
  get firstInSight(): number {
    return this.#heights.rowAt(this.#toContent(this.element.scrollTop));
  }

  /** The row that an element belongs to. */
  rowOf(target: EventTarget | null): number | undefined {
    return this.#drawn.find(({ element }) => target instanceof Node && element.contains(target))?.row;
  }

  elementOf(row: number): HTMLElement | undefined {
    return this.#drawn.find((drawn) => drawn.row === row)?.element;
  }

  stop(): void {
    this.#leaving.abort();
    this.#resizing.disconnect();
  }

  #leaveEnd(): void {
    // If all rows are visible there is nothing to scroll.
    if (this.element.scrollHeight > this.element.clientHeight) this.setFollowing(false);
  }

  #onScroll(): void {
    const { clientHeight, scrollHeight, scrollTop } = this.element;
    if (Math.abs(scrollTop - this.#ownTop) < 1) return;
    this.#ownTop = scrollTop;
    this.#takeAnchor();
    this.setFollowing(scrollTop + clientHeight >= scrollHeight - AT_END_PX);
    this.refresh();
  }

  #takeAnchor(): void {
    const y = this.#toContent(this.element.scrollTop);
    const row = this.#heights.rowAt(y);
    this.#anchor = { row, below: y - this.#heights.topOf(row) };
  }

  #frame(): void {
    this.#isDue = false;
    if (this.#leaving.signal.aborted || this.element.clientHeight === 0) return;
    this.#takeRows();
    this.#place();
    this.#draw();
    if (!this.#measure()) return;
    this.#place();
    this.#draw();
    this.#measure();
    this.#place();
  }

  /** Updates the heights to the current rows. */
  #takeRows(): void {
    const content = this.#content;
    if (this.#isAllDue) {
      this.#isAllDue = false;
      this.#heights.reset((row) => (row < content.end ? content.heightOf(row) : 0));
      this.#forgetDrawn();
    }
    if (this.#anchor.row < content.first) this.#anchor = { row: content.first, below: 0 };
    this.#heights.truncate(Math.min(this.#settled, content.end));
    this.#heights.dropBefore(content.first);
    for (let row = this.#heights.end; row < content.end; row++) this.#heights.push(content.heightOf(row));
    this.#settled = content.settled;
  }

  /** Scrolls to the end when following, else to the anchor. */
  #place(): void {
    const height = Math.min(this.#heights.total, MAX_HEIGHT_PX);
    this.#space.style.height = `${height}px`;
    const y = this.#isFollowing ? this.#heights.total : this.#heights.topOf(this.#anchor.row) + this.#anchor.below;
    const top = Math.max(0, Math.min(this.#toScroll(y), height - this.element.clientHeight));
    if (Math.abs(top - this.element.scrollTop) >= 1) this.element.scrollTop = top;
    this.#ownTop = this.element.scrollTop;
    this.#isScrollDue = false;
  }

  #draw(): void {
    const from = this.#toContent(this.element.scrollTop);
    const to = from + this.element.clientHeight;
    const begin = this.#heights.rowAt(Math.max(0, from - MARGIN_PX));
    let end = this.#heights.rowAt(to + MARGIN_PX) + 1;
    end = Math.min(end, this.#heights.end);
    this.#keep(begin, end);
    let top = this.#heights.topOf(begin);
    const boxTop = this.element.scrollTop + top - from;
    this.#box.style.transform = `translateY(${boxTop}px)`;
    for (let i = 0; begin + i < end; i++) {
      const row = begin + i;
      const drawn = this.#drawn[i]!;
      const height = this.#heights.heightOf(row);
      const [partFrom, partTo] = [Math.max(0, from - top), Math.min(height, to - top)];
      const key = this.#content.keyOf(row, partFrom, partTo);
      if (drawn.key !== key) {
        this.#content.draw(drawn.element, row, partFrom, partTo);
        // Only visible rows exist, and more arrive: a row has a position, and the list no known length.
        drawn.element.setAttribute('aria-posinset', String(row + 1));
        drawn.element.setAttribute('aria-setsize', '-1');
        drawn.key = key;
      }
      top += height;
    }
  }

  /** Creates elements for exactly these rows, in order, without moving existing ones. */
  #keep(begin: number, end: number): void {
    const drawn = this.#drawn;
    const first = drawn[0]?.row;
    if (first === undefined || first >= end || first + drawn.length <= begin) this.#forgetDrawn();
    while (this.#drawn.length > 0 && this.#drawn[0]!.row < begin) this.#release(this.#drawn.shift()!);
    while (this.#drawn.length > 0 && this.#drawn.at(-1)!.row >= end) this.#release(this.#drawn.pop()!);
    const before: Drawn[] = [];
    const have = this.#drawn[0]?.row ?? end;
    const reference = this.#drawn[0]?.element ?? null;
    for (let row = begin; row < have; row++) {
      const element = this.#element();
      this.#box.insertBefore(element, reference);
      before.push({ row, element, key: UNDRAWN });
    }
    if (before.length > 0) this.#drawn = [...before, ...this.#drawn];
    for (let row = begin + this.#drawn.length; row < end; row++) {
      const element = this.#element();
      this.#box.append(element);
      this.#drawn.push({ row, element, key: UNDRAWN });
    }
  }

  #element(): HTMLElement {
    return this.#spare.pop() ?? document.createElement('div');
  }

  #release({ element }: Drawn): void {
    element.remove();
    if (this.#spare.length < 100) this.#spare.push(element);
  }

  #forgetDrawn(): void {
    for (const each of this.#drawn) this.#release(each);
    this.#drawn = [];
  }

  /** Measures the heights of wrapped rows. Returns whether any has changed. */
  #measure(): boolean {
    let isChanged = false;
    for (const { element, row } of this.#drawn) {
      if (!this.#content.isMeasured(row)) continue;
      const height = element.offsetHeight;
      if (height > 0 && this.#heights.set(row, height) !== 0) isChanged = true;
    }
    return isChanged;
  }

  /** Converts the position of the scroll bar to that in the content, which may be higher than an element can be. */
  #toContent(scrollTop: number): number {
    const [most, all] = this.#ranges();
    return most <= 0 || all === most ? scrollTop : (scrollTop / most) * all;
  }

  #toScroll(y: number): number {
    const [most, all] = this.#ranges();
    return all <= 0 || all === most ? y : (y / all) * most;
  }

  /** The scrollable range: of the scroll bar, and of the content. */
  #ranges(): [most: number, all: number] {
    const { clientHeight } = this.element;
    const { total } = this.#heights;
    return [Math.min(total, MAX_HEIGHT_PX) - clientHeight, total - clientHeight];
  }
}

const UNDRAWN = Symbol('undrawn');
const LEAVING_KEYS = new Set(['ArrowUp', 'PageUp', 'Home']);
