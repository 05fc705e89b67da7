/**
 * Draws the text rows of a list, and determines their heights. Text of a stream is only ever inserted as text nodes.
 */
import { count, counted, size } from '../../format.ts';
import type { ListContent } from '../list/virtual-list.ts';
import { cssColor, isLight, parseAnsi, type Style, stripAnsi } from '../text/ansi.ts';
import { type JsonLine, looksLikeJson, prettyJson, textOfJsonLine } from '../text/json-text.ts';
import { levelOf } from '../text/level.ts';
import type { LineStore } from '../text/line-store.ts';
import type { Matcher } from '../text/matcher.ts';
import type { LineRow } from '../text/rows.ts';
import { segmentsOf } from '../text/segments.ts';
import type { ShownRows } from '../text/shown-rows.ts';
import type { Times } from '../view-state.ts';
import { timeText } from './received-at.ts';
import { gapText, noticeText } from './row-text.ts';

/** As in viewer.css. */
const ROW_PX = 18;

/** Maximum number of lines of an unfolded value. */
const MAX_JSON_LINES = 5000;

const MAX_LAID_OUT = 200;

export class LogContent implements ListContent {
  readonly #store: LineStore;
  rows: ShownRows;
  matcher: Matcher | undefined;
  times: Times = 'off';
  isWrapped = false;
  isUnfolded = false;
  /** Number of characters that fit in a line. */
  columns = 100;
  /** The row of the current hit. */
  current: number | undefined;
  selected: { from: number; to: number } | undefined;
  /** Changes whenever unchanged rows must be drawn differently. */
  #revision = 0;
  /** Rows whose folding differs from the default. */
  readonly #toggled = new Set<number>();
  readonly #laidOut = new Map<LineRow, JsonLine[] | undefined>();

  constructor(store: LineStore, rows: ShownRows) {
    this.#store = store;
    this.rows = rows;
  }

  get first(): number {
    return this.rows.first;
  }

  get end(): number {
    return this.rows.end;
  }

  get settled(): number {
    return this.rows.settled;
  }

  changed(): void {
    this.#revision += 1;
  }

  toggle(number: number): void {
    if (!this.#toggled.delete(number)) this.#toggled.add(number);
    for (const each of this.#toggled) if (each < this.#store.first) this.#toggled.delete(each);
    this.changed();
  }

  /** Folds or unfolds all rows. */
  unfold(isUnfolded: boolean): void {
    if (this.isUnfolded === isUnfolded) return;
    this.isUnfolded = isUnfolded;
    this.#toggled.clear();
  }

  heightOf(place: number): number {
    const row = this.#lineAt(place);
    if (row === undefined) return ROW_PX;
    if (this.#isOpen(this.#numberOf(place), row))
      return ROW_PX * (this.#laidOut.get(row)?.length ?? guessedLines(row.text));
    if (!this.isWrapped) return ROW_PX;
    return ROW_PX * Math.max(1, Math.ceil(row.text.length / Math.max(1, this.columns)));
  }

  isMeasured(place: number): boolean {
    // Notices between lines are wrapped as well.
    if (this.isWrapped) return true;
    const row = this.#lineAt(place);
    return row !== undefined && this.#isOpen(this.#numberOf(place), row);
  }

  keyOf(place: number, from: number, to: number): unknown {
    const row = this.#lineAt(place);
    if (row !== undefined && this.#isOpen(this.#numberOf(place), row)) {
      return `${this.#revision} ${row.bytes} ${Math.floor(from / ROW_PX)} ${Math.ceil(to / ROW_PX)}`;
    }
    // An unsettled row is a new object whenever it has changed.
    return place < this.settled ? this.#revision : row;
  }

  draw(element: HTMLElement, place: number, from: number, to: number): void {
    const at = this.rows.at(place);
    element.className = 'row';
    element.style.height = '';
    element.setAttribute('role', 'listitem');
    delete element.dataset.time;
    delete element.dataset.row;
    if (at.type === 'hidden') {
      element.className = 'row left-out';
      element.textContent = `${counted(at.count, 'line')} left out`;
      return;
    }
    const row = this.#store.at(at.number);
    if (row === undefined) {
      element.textContent = '';
      return;
    }
    element.dataset.row = String(at.number);
    if (this.times !== 'off') element.dataset.time = timeText(row.receivedAt, this.times, Date.now());
    if (this.selected !== undefined && at.number >= this.selected.from && at.number <= this.selected.to) {
      element.classList.add('selected');
    }
    if (row.kind === 'gap') {
      element.classList.add('gap');
      element.textContent = gapText(row);
    } else if (row.kind === 'notice') {
      element.classList.add('notice', row.notice.type);
      element.textContent = noticeText(row.notice);
    } else {
      if (at.isContext) element.classList.add('context');
      if (at.number === this.current) element.classList.add('current');
      this.#drawLine(element, at.number, row, from, to);
    }
  }

  #drawLine(element: HTMLElement, number: number, row: LineRow, from: number, to: number): void {
    const text = stripAnsi(row.text);
    const level = levelOf(text);
    if (level !== undefined) element.classList.add(`level-${level}`);
    const isJson = row.cutBytes === 0 && looksLikeJson(text);
    const laidOut = isJson && this.#isOpen(number, row) ? this.#layOut(row, text) : undefined;
    const parts: (Node | string)[] = [];
    if (isJson) {
      element.classList.add('json');
      parts.push(foldMark(laidOut !== undefined));
    }
    if (laidOut !== undefined) {
      element.classList.add('unfolded');
      element.style.height = `${laidOut.length * ROW_PX}px`;
      parts.push(this.#jsonLines(laidOut, from, to));
      element.replaceChildren(...parts);
      return;
    }
    const { spans } = parseAnsi(row.text, row.style);
    for (const { isHit, style, text: part } of segmentsOf(spans, this.matcher?.ranges(text) ?? [])) {
      parts.push(isHit || !isPlain(style) ? styled(part, style, isHit) : part);
    }
    if (row.cutBytes > 0) {
      const more = document.createElement('span');
      more.className = 'cut';
      const isTooLong = looksLikeJson(text) ? ', too long to lay out' : '';
      more.textContent = ` … ${size(row.cutBytes)} more${isTooLong}`;
      parts.push(more);
    }
    // Most lines are a single text node, which is updated in place.
    if (parts.length === 1 && typeof parts[0] === 'string') element.textContent = parts[0];
    else element.replaceChildren(...parts);
  }

  /** The visible lines of a value, positioned within its row. */
  #jsonLines(lines: readonly JsonLine[], from: number, to: number): HTMLElement {
    const first = Math.max(0, Math.floor(from / ROW_PX) - 5);
    const last = Math.min(lines.length, Math.ceil(to / ROW_PX) + 5);
    const box = document.createElement('div');
    box.className = 'json-lines';
    box.style.transform = `translateY(${first * ROW_PX}px)`;
    for (const line of lines.slice(first, last)) {
      const element = document.createElement('div');
      const key = line.tokens[0]?.kind === 'key' ? line.tokens[0] : undefined;
      const value = line.tokens.find(({ kind }) => kind !== 'key' && kind !== 'punctuation');
      if (value !== undefined) element.className = value.kind;
      const whole = textOfJsonLine(line);
      const ranges = this.matcher?.ranges(whole) ?? [];
      if (ranges.length > 0) {
        for (const { isHit, style, text } of segmentsOf([{ text: whole, style: {} }], ranges)) {
          element.append(isHit ? styled(text, style, true) : text);
        }
      } else if (key !== undefined) {
        const name = document.createElement('b');
        const indent = whole.length - whole.trimStart().length;
        name.textContent = key.text;
        element.append(whole.slice(0, indent), name, whole.slice(indent + key.text.length));
      } else {
        element.textContent = whole;
      }
      box.append(element);
    }
    return box;
  }

  /** Whether the row is unfolded. */
  #isOpen(number: number, row: LineRow): boolean {
    if (this.isUnfolded === this.#toggled.has(number) || row.cutBytes > 0 || !looksLikeJson(row.text)) return false;
    return !this.#laidOut.has(row) || this.#laidOut.get(row) !== undefined;
  }

  /** Undefined for text that only looks like JSON. */
  #layOut(row: LineRow, text: string): JsonLine[] | undefined {
    if (this.#laidOut.has(row)) return this.#laidOut.get(row);
    let lines = prettyJson(text);
    if (lines !== undefined && lines.length > MAX_JSON_LINES) {
      const more = `… ${count(lines.length - MAX_JSON_LINES)} more lines`;
      lines = [...lines.slice(0, MAX_JSON_LINES), { depth: 0, tokens: [{ kind: 'punctuation', text: more }] }];
    }
    if (this.#laidOut.size >= MAX_LAID_OUT) this.#laidOut.delete(this.#laidOut.keys().next().value!);
    this.#laidOut.set(row, lines);
    return lines;
  }

  #lineAt(place: number): LineRow | undefined {
    const at = this.rows.at(place);
    const row = at.type === 'row' ? this.#store.at(at.number) : undefined;
    return row?.kind === 'line' ? row : undefined;
  }

  #numberOf(place: number): number {
    const at = this.rows.at(place);
    return at.type === 'row' ? at.number : -1;
  }
}

function foldMark(isOpen: boolean): HTMLElement {
  const mark = document.createElement('span');
  mark.className = 'fold-mark';
  mark.setAttribute('role', 'button');
  // Not a tab stop: each line of JSON has one, and the key `o` does the same.
  mark.tabIndex = -1;
  mark.setAttribute('aria-expanded', String(isOpen));
  mark.setAttribute('aria-label', isOpen ? 'Fold JSON' : 'Unfold JSON');
  return mark;
}

function styled(text: string, style: Style, isHit: boolean): HTMLElement {
  const element = document.createElement(isHit ? 'mark' : 'span');
  element.textContent = text;
  for (const name of ['bold', 'dim', 'italic', 'underline', 'strike', 'inverse'] as const) {
    if (style[name] === true) element.classList.add(name);
  }
  paint(element, 'fg', 'color', style.foreground);
  paint(element, 'bg', 'background-color', style.background);
  // The default text colour depends on the theme, and would not be visible on every background.
  if (style.background !== undefined && style.background >= 16 && style.foreground === undefined) {
    element.style.color = isLight(style.background) ? '#000000' : '#ffffff';
  }
  return element;
}

/** The first 16 colours are the theme's; all others are used as given. */
function paint(element: HTMLElement, prefix: string, property: string, color: number | undefined): void {
  if (color === undefined) return;
  if (color < 16) element.classList.add(`${prefix}-${color}`);
  else element.style.setProperty(property, cssColor(color));
}

function isPlain(style: Style): boolean {
  for (const _ in style) return false;
  return true;
}

/** An estimate of the lines of a value: each comma and each bracket may begin one. */
function guessedLines(text: string): number {
  let lines = 1;
  for (let i = 0; i < text.length && lines < MAX_JSON_LINES; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2c) lines += 1;
    else if (code === 0x7b || code === 0x5b) lines += 2;
  }
  return lines;
}
