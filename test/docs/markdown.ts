/** The part of Markdown that the generated pages use, and that the tests parse in written ones. */

/** A table. Cells may contain Markdown; characters that would break a row are escaped. */
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

/** Escapes angle brackets, so that they are text, not HTML. */
export function plain(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export interface Block {
  language: string;
  text: string;
  /** The headings above it, outermost first. */
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

/** Code between backticks, outside blocks. */
export function codeSpans(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
}

/** The anchor of a heading on GitHub: lower case, no punctuation, hyphens for spaces. */
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
