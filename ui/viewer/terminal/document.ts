/**
 * The terminal, in a separate document because it creates style elements, which the page's content security policy
 * forbids. It only displays bytes: it sends neither keys nor replies to terminal queries of a stream.
 */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import './document.css';
import type { FromTerminal, ToTerminal } from './messages.ts';

const SCROLLBACK_LINES = 10_000;

/** Number of bytes examined to detect the line ends. */
const LINE_ENDS_BYTES = 4096;

const CR = 0x0d;
const LF = 0x0a;

const element = document.getElementById('terminal')!;
const terminal = new Terminal({
  disableStdin: true,
  scrollback: SCROLLBACK_LINES,
  fontFamily: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace',
  fontSize: 13,
  cursorBlink: false,
  allowProposedApi: false,
  // Makes the rows readable; new output is not announced, see below.
  screenReaderMode: true,
  // Links in a stream are not followed.
  linkHandler: { activate: () => {} },
});
const fit = new FitAddon();
const search = new SearchAddon();
terminal.loadAddon(fit);
terminal.loadAddon(search);
terminal.open(element);
// Otherwise every line of a stream would be read aloud, and would interrupt everything else.
element.querySelector('.live-region')?.setAttribute('aria-live', 'off');

/**
 * Keys that scroll; the terminal accepts no typing. All other keys are left to the browser, such as Tab, or to the
 * page.
 */
const SCROLLING: Readonly<Record<string, () => void>> = {
  ArrowUp: () => terminal.scrollLines(-1),
  ArrowDown: () => terminal.scrollLines(1),
  PageUp: () => terminal.scrollPages(-1),
  PageDown: () => terminal.scrollPages(1),
  Home: () => terminal.scrollToTop(),
  End: () => terminal.scrollToBottom(),
};

terminal.attachCustomKeyEventHandler(({ altKey, ctrlKey, key, metaKey, type }) => {
  if (type !== 'keydown' || altKey || ctrlKey || metaKey) return false;
  if (Object.hasOwn(SCROLLING, key)) SCROLLING[key]!();
  else if (key !== 'Tab') postToPage({ type: 'key', key });
  return false;
});

let size: { columns: number; rows: number } | undefined;
let seen = 0;

function postToPage(message: FromTerminal): void {
  parent.postMessage(message, location.origin);
}

function resize(): void {
  if (size === undefined) fit.fit();
  else terminal.resize(size.columns, size.rows);
  postToPage({ type: 'sized', columns: terminal.cols, rows: terminal.rows });
}

/** Programs end lines on a terminal with CR and LF. Data from a file has LF alone, which must then do both. */
function noteLineEnds(bytes: Uint8Array): void {
  if (seen >= LINE_ENDS_BYTES) return;
  const first = bytes.indexOf(LF);
  if (first < 0) {
    seen += bytes.length;
    return;
  }
  seen = LINE_ENDS_BYTES;
  terminal.options.convertEol = first === 0 || bytes[first - 1] !== CR;
}

addEventListener('message', ({ data, origin, source }: MessageEvent<ToTerminal>) => {
  if (origin !== location.origin || source !== parent) return;
  switch (data.type) {
    case 'data': {
      noteLineEnds(data.bytes);
      const { length } = data.bytes;
      terminal.write(data.bytes, () => postToPage({ type: 'written', bytes: length }));
      break;
    }
    case 'note':
      terminal.write(`\x1b[0m\r\n\x1b[7m ${data.text} \x1b[0m\r\n`);
      break;
    case 'reset':
      seen = 0;
      terminal.reset();
      break;
    case 'look': {
      const { accent, background, foreground, selection } = data;
      document.body.style.background = background;
      terminal.options.theme = { background, foreground, cursor: accent, selectionBackground: selection };
      break;
    }
    case 'size':
      size = data.size;
      resize();
      break;
    case 'find':
      if (data.direction === 1) search.findNext(data.text);
      else search.findPrevious(data.text);
      break;
  }
});

new ResizeObserver(resize).observe(element);
postToPage({ type: 'ready' });
