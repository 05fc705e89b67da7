/** Messages between the page and the document of the terminal. */

export type ToTerminal =
  /** Bytes of the stream. Each message is answered with `written`. */
  | { type: 'data'; bytes: Uint8Array }
  /** A line of the page itself, such as one about a gap. */
  | { type: 'note'; text: string }
  | { type: 'reset' }
  | { type: 'look'; background: string; foreground: string; accent: string; selection: string }
  /** Undefined: as many as fit. */
  | { type: 'size'; size: { columns: number; rows: number } | undefined }
  | { type: 'find'; text: string; direction: 1 | -1 };

export type FromTerminal =
  | { type: 'ready' }
  | { type: 'written'; bytes: number }
  | { type: 'sized'; columns: number; rows: number }
  /** A key pressed in the terminal that the page may handle, as `KeyboardEvent.key`. */
  | { type: 'key'; key: string };
