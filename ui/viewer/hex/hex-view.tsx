/** A stream as bytes: offset, two hexadecimal digits for each, and characters. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { size } from '../../format.ts';
import { HEX_ROW_BYTES, HexRows, hexText } from '../bytes/hex-rows.ts';
import { EmptyState } from '../connection/empty-state.tsx';
import type { RecordSink } from '../connection/reading-session.ts';
import { type ListContent, VirtualList } from '../list/virtual-list.ts';
import { gapText, noticeText } from '../log/row-text.ts';
import { type Source, useReading } from '../source.ts';
import { listenToViewKeys } from '../view-keys.ts';

/** As in viewer.css. */
const ROW_PX = 18;

/** How often the line below the list is updated. */
const STATUS_INTERVAL_MS = 250;

/** Width of an offset, sixteen bytes and their characters, with the spaces between them. */
const WIDE_COLUMNS = 76;
const RULER_COLUMNS = 20;
/** Padding of a row, as in viewer.css. */
const BESIDE_ROW_PX = 23;

class HexContent implements ListContent {
  readonly rows = new HexRows();

  get first(): number {
    return this.rows.first;
  }

  get end(): number {
    return this.rows.end;
  }

  /** The last row may still grow. */
  get settled(): number {
    return Math.max(this.rows.first, this.rows.end - 1);
  }

  heightOf(): number {
    return ROW_PX;
  }

  isMeasured(): boolean {
    return false;
  }

  keyOf(row: number): unknown {
    const found = this.rows.at(row);
    return found?.type === 'bytes' ? `${this.rows.rowBytes} ${found.bytes.length}` : found?.type;
  }

  draw(element: HTMLElement, row: number): void {
    const found = this.rows.at(row);
    element.setAttribute('role', 'listitem');
    element.className = 'row';
    delete element.dataset.offset;
    if (found === undefined) return;
    if (found.type === 'gap') {
      element.classList.add('gap');
      element.textContent = gapText({ ...found, chunks: 0 });
      return;
    }
    if (found.type === 'recreated') {
      element.classList.add('notice', 'recreated');
      element.textContent = noticeText(found);
      return;
    }
    const { characters, hex } = hexText(found.column, found.bytes, this.rows.rowBytes);
    element.dataset.offset = found.offset.toString(16).padStart(8, '0');
    element.textContent = `${hex}  ${characters}`;
  }
}

export function HexView({ source }: { source: Source }) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualList>(undefined);
  const content = useMemo(() => new HexContent(), []);
  const [isFollowing, setFollowing] = useState(true);
  const [kept, setKept] = useState(0);
  const [isEmpty, setEmpty] = useState(true);
  const sink = useMemo<RecordSink>(
    () => ({
      take(record) {
        if (record.type === 'data') content.rows.append(record.offset, record.data);
        else if (record.type === 'recreated') content.rows.restart(record.lastOffset);
        list.current?.refresh();
        return undefined;
      },
    }),
    [],
  );
  useEffect(() => {
    const made = new VirtualList(box.current!, content, {
      label: `Bytes of ${source.path}`,
      onFollowing: setFollowing,
    });
    list.current = made;
    const fitting = new ResizeObserver(() => fitRow(made, content.rows));
    fitting.observe(made.element);
    const ticking = setInterval(() => {
      setKept(content.rows.bytes);
      setEmpty(content.rows.end === content.rows.first);
    }, STATUS_INTERVAL_MS);
    const unlisten = listenToViewKeys({
      g: () => made.scrollTo(content.first),
      G: () => made.setFollowing(true),
      ' ': () => made.setFollowing(!made.isFollowing),
    });
    return () => {
      clearInterval(ticking);
      unlisten();
      fitting.disconnect();
      made.stop();
    };
  }, []);
  useReading(source, sink);
  return (
    <>
      <div class="log-frame">
        <div ref={box} class="list hex" data-testid="hex" />
        {isEmpty ? <EmptyState reading={source.reading} /> : null}
        {isFollowing ? null : (
          <button type="button" class="pill" data-testid="pill" onClick={() => list.current?.setFollowing(true)}>
            To the end <span aria-hidden="true">↓</span>
          </button>
        )}
      </div>
      <p class="log-status muted">{size(kept)} kept</p>
    </>
  );
}

/** Chooses the row length that fits the width; the bytes in view stay in view. */
function fitRow(list: VirtualList, rows: HexRows): void {
  const { element } = list;
  const needed = WIDE_COLUMNS * columnWidth(element) + BESIDE_ROW_PX;
  const rowBytes = element.clientWidth < needed ? HEX_ROW_BYTES.narrow : HEX_ROW_BYTES.wide;
  if (rowBytes === rows.rowBytes) return;
  const top = rows.at(rows.first + Math.floor(element.scrollTop / ROW_PX));
  const { isFollowing } = list;
  rows.setRowBytes(rowBytes);
  element.classList.toggle('narrow', rowBytes === HEX_ROW_BYTES.narrow);
  list.resetHeights();
  if (!isFollowing && top?.type === 'bytes') list.scrollTo(rows.rowOf(top.offset + top.column));
}

/** Width of a character in pixels. */
function columnWidth(element: HTMLElement): number {
  const ruler = document.createElement('span');
  ruler.className = 'list-ruler';
  ruler.textContent = '0'.repeat(RULER_COLUMNS);
  element.append(ruler);
  const { width } = ruler.getBoundingClientRect();
  ruler.remove();
  return width / RULER_COLUMNS;
}
