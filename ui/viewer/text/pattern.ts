/**
 * Regular expressions whose time is linear in the text, for any expression in the address of a view. All alternatives
 * are simulated in parallel, character by character, without backtracking. Single characters are matched by the
 * browser's own expressions; lookaround and back references are refused.
 */

/** Results are stored in a table for characters below this, and cached for others. */
const TABLE = 128;

/** Maximum number of steps of an expression, with its repetitions expanded. */
const MAX_STEPS = 250;
/** Maximum number of expansions for these steps: repetitions of an empty expression add no steps. */
const MAX_WRITTEN = 4 * MAX_STEPS;

const UNSUPPORTED = 'lookahead, lookbehind and back references are not supported: they may take forever';
const TOO_LONG = 'the expression is too long, or repeats too often';

type Anchor = 'start' | 'end' | 'word' | 'no-word';

type Node =
  | { kind: 'char'; test: (point: number) => boolean }
  | { kind: 'anchor'; anchor: Anchor }
  | { kind: 'all' | 'any'; nodes: Node[] }
  | { kind: 'repeat'; node: Node; least: number; most: number; isLazy: boolean };

type Step =
  | { kind: 'char'; test: (point: number) => boolean }
  | { kind: 'anchor'; anchor: Anchor }
  /** `first` has precedence. */
  | { kind: 'split'; first: number; second: number }
  | { kind: 'jump'; to: number }
  | { kind: 'match' };

/** The active threads of the simulation, in order of precedence. */
interface Threads {
  steps: Int32Array;
  starts: Int32Array;
  count: number;
}

export class Pattern {
  readonly #steps: Step[] = [];
  #written = 0;
  readonly #isWord: (point: number) => boolean;
  /** The position at which each step was last reached, so that it is followed only once per position. */
  readonly #seen: Int32Array;
  #now: Threads;
  #next: Threads;

  /** @throws SyntaxError for an invalid or unsupported expression */
  constructor(source: string, flags: 'u' | 'iu') {
    // The browser reports syntax errors.
    new RegExp(source, flags);
    const parser = new Parser(source, flags);
    this.#isWord = charTest('\\w', flags);
    this.#emit(parser.parse());
    this.#steps.push({ kind: 'match' });
    const { length } = this.#steps;
    this.#seen = new Int32Array(length);
    this.#now = threads(length);
    this.#next = threads(length);
  }

  test(text: string): boolean {
    return this.find(text, 0) !== undefined;
  }

  /** The first match from a position, the same as a browser's expression would find: its beginning and its end. */
  find(text: string, from: number): [from: number, to: number] | undefined {
    let found: [number, number] | undefined;
    this.#seen.fill(0);
    this.#now.count = 0;
    for (let at = from; ; ) {
      const point = text.codePointAt(at);
      // A match that begins later has the lowest precedence, and is not started once one has been found.
      if (found === undefined) this.#add(this.#now, 0, at, text, at, at - from + 1);
      const { count, starts, steps } = this.#now;
      const size = point !== undefined && point > 0xffff ? 2 : 1;
      this.#next.count = 0;
      for (let n = 0; n < count; n++) {
        const step = this.#steps[steps[n]!]!;
        if (step.kind === 'match') {
          found = [starts[n]!, at];
          // The remaining threads have lower precedence.
          break;
        }
        if (step.kind === 'char' && point !== undefined && step.test(point)) {
          this.#add(this.#next, steps[n]! + 1, starts[n]!, text, at + size, at + size - from + 1);
        }
      }
      if (point === undefined || (this.#next.count === 0 && found !== undefined)) return found;
      [this.#now, this.#next] = [this.#next, this.#now];
      at += size;
    }
  }

  /**
   * Follows a step to those that match a character, or end the match. Iterative, because a path may be as long as the
   * expression.
   */
  #add(threads: Threads, first: number, start: number, text: string, at: number, mark: number): void {
    const waiting = [first];
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      if (this.#seen[step] === mark) continue;
      this.#seen[step] = mark;
      const what = this.#steps[step]!;
      switch (what.kind) {
        case 'split':
          waiting.push(what.second, what.first);
          break;
        case 'jump':
          waiting.push(what.to);
          break;
        case 'anchor':
          if (this.#holds(what.anchor, text, at)) waiting.push(step + 1);
          break;
        default:
          threads.steps[threads.count] = step;
          threads.starts[threads.count++] = start;
      }
    }
  }

  #holds(anchor: Anchor, text: string, at: number): boolean {
    if (anchor === 'start') return at === 0;
    if (anchor === 'end') return at === text.length;
    const isWordAt = (place: number) => place >= 0 && place < text.length && this.#isWord(text.charCodeAt(place));
    return (isWordAt(at - 1) !== isWordAt(at)) === (anchor === 'word');
  }

  // ── compiling the steps ──────────────────────────────────────────────────────────────────────────────────────────

  #push(step: Step): number {
    if (this.#steps.length >= MAX_STEPS) throw new SyntaxError(TOO_LONG);
    return this.#steps.push(step) - 1;
  }

  #emit(node: Node): void {
    if (++this.#written > MAX_WRITTEN) throw new SyntaxError(TOO_LONG);
    switch (node.kind) {
      case 'all':
        for (const each of node.nodes) this.#emit(each);
        break;
      case 'any':
        this.#emitAny(node.nodes);
        break;
      case 'repeat':
        this.#emitRepeat(node);
        break;
      default:
        this.#push(node);
    }
  }

  #emitAny(nodes: readonly Node[]): void {
    const ends: { kind: 'jump'; to: number }[] = [];
    for (const [n, node] of nodes.entries()) {
      if (n === nodes.length - 1) {
        this.#emit(node);
        break;
      }
      const split = { kind: 'split' as const, first: this.#steps.length + 1, second: 0 };
      this.#push(split);
      this.#emit(node);
      const end = { kind: 'jump' as const, to: 0 };
      this.#push(end);
      ends.push(end);
      split.second = this.#steps.length;
    }
    for (const end of ends) end.to = this.#steps.length;
  }

  #emitRepeat({ isLazy, least, most, node }: Extract<Node, { kind: 'repeat' }>): void {
    for (let n = 0; n < least; n++) this.#emit(node);
    const again = () => {
      const split = { kind: 'split' as const, first: 0, second: 0 };
      const at = this.#push(split);
      this.#emit(node);
      return {
        at,
        leave: (to: number) =>
          Object.assign(split, isLazy ? { first: to, second: at + 1 } : { first: at + 1, second: to }),
      };
    };
    if (most === Number.POSITIVE_INFINITY) {
      const { at, leave } = again();
      this.#push({ kind: 'jump', to: at });
      leave(this.#steps.length);
      return;
    }
    const optional = [];
    for (let n = least; n < most; n++) optional.push(again());
    for (const { leave } of optional) leave(this.#steps.length);
  }
}

/** Parses an expression that the browser has accepted. */
class Parser {
  readonly #source: string;
  readonly #flags: string;
  #at = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags;
  }

  parse(): Node {
    const choices: Node[] = [this.#sequence()];
    while (this.#takes('|')) choices.push(this.#sequence());
    return choices.length === 1 ? choices[0]! : { kind: 'any', nodes: choices };
  }

  #takes(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at]!))
      nodes.push(this.#repeated(this.#atom()));
    return { kind: 'all', nodes };
  }

  #repeated(node: Node): Node {
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})\??/.exec(this.#source.slice(this.#at, this.#at + 40));
    if (found === null) return node;
    const [text, least = '0', comma, most] = found;
    this.#at += text.length;
    const isLazy = text.length > 1 && text.endsWith('?');
    switch (text[0]) {
      case '*':
        return { kind: 'repeat', node, least: 0, most: Number.POSITIVE_INFINITY, isLazy };
      case '+':
        return { kind: 'repeat', node, least: 1, most: Number.POSITIVE_INFINITY, isLazy };
      case '?':
        return { kind: 'repeat', node, least: 0, most: 1, isLazy };
      default: {
        const upTo = comma === undefined ? Number(least) : most ? Number(most) : Number.POSITIVE_INFINITY;
        const longest = upTo === Number.POSITIVE_INFINITY ? Number(least) : upTo;
        if (longest > MAX_STEPS) throw new SyntaxError(TOO_LONG);
        return { kind: 'repeat', node, least: Number(least), most: upTo, isLazy };
      }
    }
  }

  #atom(): Node {
    if (this.#takes('(')) return this.#group();
    if (this.#takes('^')) return { kind: 'anchor', anchor: 'start' };
    if (this.#takes('$')) return { kind: 'anchor', anchor: 'end' };
    if (this.#takes('\\b')) return { kind: 'anchor', anchor: 'word' };
    if (this.#takes('\\B')) return { kind: 'anchor', anchor: 'no-word' };
    const rest = this.#source.slice(this.#at);
    if (/^\\(?:[1-9]|k)/.test(rest)) throw new SyntaxError(UNSUPPORTED);
    const [text] =
      /^(?:\\(?:[pPu]\{[^}]*\}|u[\da-f]{4}(?:\\u[\da-f]{4})?|x[\da-f]{2}|c[a-z]|.)|\[(?:\\.|[^\]\\])*\]|.)/isu.exec(
        rest,
      )!;
    this.#at += text.length;
    return { kind: 'char', test: charTest(text, this.#flags) };
  }

  #group(): Node {
    if (this.#takes('?')) {
      const found = /^(?::|<(?![=!])[^>]*>)/.exec(this.#source.slice(this.#at));
      if (found === null) throw new SyntaxError(UNSUPPORTED);
      this.#at += found[0].length;
    }
    const node = this.parse();
    this.#takes(')');
    return node;
  }
}

/** A test whether a character matches a part of an expression that stands for a single one. */
function charTest(source: string, flags: string): (point: number) => boolean {
  const expression = new RegExp(`^(?:${source})$`, flags);
  const table = new Uint8Array(TABLE);
  for (let point = 0; point < TABLE; point++) table[point] = Number(expression.test(String.fromCodePoint(point)));
  const others = new Map<number, boolean>();
  return (point) => {
    if (point < TABLE) return table[point] === 1;
    let known = others.get(point);
    if (known === undefined) {
      known = expression.test(String.fromCodePoint(point));
      others.set(point, known);
    }
    return known;
  };
}

function threads(length: number): Threads {
  return { steps: new Int32Array(length), starts: new Int32Array(length), count: 0 };
}
