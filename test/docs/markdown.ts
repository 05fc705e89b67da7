/** The little of Markdown that the generated pages are made of, and that the tests read from written ones. */

/** A table. Cells may hold Markdown; what would break a row is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replaceAll('|', '\\|');
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** What stands in angle brackets is text here, not HTML. */
export function plain(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export interface Block {
  language: string;
  text: string;
  /** The headings it stands under, outermost first. */
  under: readonly string[];
}

/** Fenced blocks, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const headings: string[] = [];
  let open: { language: string; lines: string[] } | undefined;
  for (const line of markdown.split('\n')) {
    const fence = /^```(\S*)/.exec(line);
    if (open) {
      if (fence) {
        blocks.push({ language: open.language, text: open.lines.join('\n'), under: [...headings] });
        open = undefined;
      } else open.lines.push(line);
    } else if (fence) open = { language: fence[1]!, lines: [] };
    else {
      const heading = /^(#+) (.*)$/.exec(line);
      if (heading) headings.splice(heading[1]!.length - 1, headings.length, heading[2]!);
    }
  }
  return blocks;
}

/** Everything but fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '');
}

/** What stands between backticks outside blocks. */
export function codeSpans(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
}

/** The anchor a heading gets where Markdown is shown: small letters, no punctuation, hyphens for spaces. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

export function headingsOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
}
