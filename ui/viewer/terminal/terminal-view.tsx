/** A stream shown in a terminal: for programs that move the cursor. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RecordSink } from '../connection/reading-session.ts';
import { gapText, noticeText } from '../log/row-text.ts';
import { type Source, useReading } from '../source.ts';
import { BackPressure } from './back-pressure.ts';
import type { FromTerminal, ToTerminal } from './messages.ts';

/** High- and low-water marks of bytes given to the terminal and not shown yet. */
const PAUSE_ABOVE_BYTES = 256 * 1024;
const GO_ON_BELOW_BYTES = 64 * 1024;

/** Large data is split into pieces, so that the marks are respected. */
const PIECE_BYTES = 32 * 1024;

const SIZES: Readonly<Record<string, { columns: number; rows: number } | undefined>> = {
  'as it fits': undefined,
  '80 × 24': { columns: 80, rows: 24 },
  '120 × 40': { columns: 120, rows: 40 },
};

export function TerminalView({ source }: { source: Source }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [size, setSize] = useState('as it fits');
  const [sized, setSized] = useState('');
  const terminal = useMemo(() => new TerminalLink(), []);
  useEffect(() => {
    terminal.attach(frame.current!, (columns, rows) => setSized(`${columns} × ${rows}`));
    return () => terminal.detach();
  }, []);
  useReading(source, terminal);
  return (
    <>
      <div class="log-bar">
        <search class="search-box">
          <input
            type="search"
            data-search
            placeholder="Search"
            aria-label="Search in the terminal"
            spellcheck={false}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              const { value } = event.currentTarget;
              terminal.send({ type: 'find', text: value, direction: event.shiftKey ? -1 : 1 });
            }}
          />
        </search>
        <div class="log-options">
          <select
            aria-label="Size of the terminal"
            value={size}
            onChange={({ currentTarget }) => {
              setSize(currentTarget.value);
              terminal.send({ type: 'size', size: SIZES[currentTarget.value] });
            }}
          >
            {Object.keys(SIZES).map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
          <span class="muted">{sized}</span>
        </div>
      </div>
      <iframe
        ref={frame}
        class="terminal-frame"
        src="./terminal.html"
        title={`Terminal of ${source.path}`}
        data-testid="terminal"
      />
    </>
  );
}

/** The event that the page would have received for a key pressed in the terminal's document. */
function pressed(key: string): KeyboardEvent {
  return new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
}

/** The page's end of the message channel to the terminal's document. */
class TerminalLink implements RecordSink {
  readonly #pressure = new BackPressure(PAUSE_ABOVE_BYTES, GO_ON_BELOW_BYTES);
  readonly #ready: Promise<void>;
  #becomeReady: () => void = () => {};
  #isReady = false;
  #isBegun = false;
  #frame: HTMLIFrameElement | undefined;
  #onSized: (columns: number, rows: number) => void = () => {};
  readonly #leaving = new AbortController();

  constructor() {
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
  }

  attach(frame: HTMLIFrameElement, onSized: (columns: number, rows: number) => void): void {
    this.#frame = frame;
    this.#onSized = onSized;
    const { signal } = this.#leaving;
    addEventListener('message', (event) => this.#onMessage(event), { signal });
    const sendColours = () => this.#sendColours();
    const theme = new MutationObserver(sendColours);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    signal.addEventListener('abort', () => theme.disconnect());
  }

  detach(): void {
    this.#leaving.abort();
  }

  send(message: ToTerminal): void {
    this.#frame?.contentWindow?.postMessage(message, location.origin);
  }

  async take(record: Parameters<RecordSink['take']>[0]): Promise<void> {
    if (!this.#isReady) await this.#ready;
    switch (record.type) {
      case 'data': {
        if (!this.#isBegun && record.offset > 0) this.#note({ type: 'starts', offset: record.offset, isGone: false });
        this.#isBegun = true;
        for (let at = 0; at < record.data.length; at += PIECE_BYTES) {
          // A copy, because a message transfers the whole buffer that a view belongs to.
          const bytes = record.data.slice(at, at + PIECE_BYTES);
          const wait = this.#pressure.given(bytes.length);
          this.send({ type: 'data', bytes });
          this.#frame?.setAttribute('data-pending', String(this.#pressure.pending));
          await wait;
          if (this.#leaving.signal.aborted) return;
        }
        return;
      }
      case 'gap':
        if (this.#isBegun) this.send({ type: 'note', text: gapText(record) });
        else this.#note({ type: 'starts', offset: record.to, isGone: true });
        this.#isBegun = true;
        return;
      case 'recreated':
        this.#isBegun = false;
        this.send({ type: 'reset' });
        this.#note(record);
        return;
      case 'end':
        this.#note({ ...record, type: 'ended' });
        return;
    }
  }

  #note(notice: Parameters<typeof noticeText>[0]): void {
    this.send({ type: 'note', text: noticeText(notice) });
  }

  #onMessage({ data, origin, source }: MessageEvent<FromTerminal>): void {
    if (origin !== location.origin || source !== this.#frame?.contentWindow) return;
    if (data.type === 'written') this.#pressure.done(data.bytes);
    else if (data.type === 'sized') this.#onSized(data.columns, data.rows);
    else if (data.type === 'key') this.#frame.dispatchEvent(pressed(data.key));
    else {
      this.#isReady = true;
      this.#sendColours();
      this.#becomeReady();
    }
  }

  /** Sends the current colours of the page. */
  #sendColours(): void {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    this.send({
      type: 'look',
      background: color('--bg'),
      foreground: color('--text'),
      accent: color('--accent'),
      selection: color('--selection'),
    });
  }
}
