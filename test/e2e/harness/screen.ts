/** The text on a terminal's screen after a program's output: implements the escape sequences that our own output uses. */

const PART = /\p{Cc}\[(\??)([\d;]*)([A-Za-z])|[\s\S]/gu;

export class ScreenText {
  /** Whether the alternate screen is shown, which leaves the first unchanged. */
  isOther = false;
  isCursorShown = true;
  isWrapping = true;
  private lines: string[];
  private readonly width: number;
  private readonly height: number;
  private x = 0;
  private y = 0;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.lines = Array<string>(height).fill('');
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  /** Processes output. */
  print(output: string): this {
    for (const [part, isPrivate, parameter, letter] of output.matchAll(PART)) {
      if (letter !== undefined) this.obey(isPrivate === '?', parameter ?? '', letter);
      else if (part === '\r') this.x = 0;
      else if (part === '\n') this.newLine();
      else this.put(part);
    }
    return this;
  }

  private obey(isPrivate: boolean, parameter: string, letter: string): void {
    const isOn = letter === 'h';
    if (isPrivate && parameter === '1049') {
      this.isOther = isOn;
      this.lines = Array<string>(this.height).fill('');
    } else if (isPrivate && parameter === '25') this.isCursorShown = isOn;
    else if (isPrivate && parameter === '7') this.isWrapping = isOn;
    else if (letter === 'H') [this.x, this.y] = [0, 0];
    else if (letter === 'K') this.lines[this.y] = this.lines[this.y]!.slice(0, this.x);
    else if (letter === 'J') {
      this.lines[this.y] = this.lines[this.y]!.slice(0, this.x);
      this.lines.fill('', this.y + 1);
    }
  }

  private put(character: string): void {
    const line = this.lines[this.y]!.padEnd(this.x);
    const x = Math.min(this.x, this.width - 1);
    this.lines[this.y] = line.slice(0, x) + character + line.slice(x + 1);
    this.x += 1;
  }

  private newLine(): void {
    if (this.y < this.height - 1) this.y += 1;
    else this.lines = [...this.lines.slice(1), ''];
  }
}
