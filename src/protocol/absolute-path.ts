/**
 * The server's errors name paths relative to the mount (docs/protocol.md): `stream not found: /live`. Users of the page
 * and of the command line only know absolute paths, such as `/streamfs/live`.
 */

/** The text of an error, with the path relative to its mount replaced by the absolute path. */
export function withAbsolutePath(text: string, path: string): string {
  if (text.includes(path)) return text;
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    const below = path.slice(at);
    if (below === '/') break;
    const found = placeOf(below, text);
    if (found >= 0) return text.slice(0, found) + path + text.slice(found + below.length);
    // An error may name a directory above the path, which is a file.
    for (let end = below.lastIndexOf('/'); end > 0; end = below.lastIndexOf('/', end - 1)) {
      const above = below.slice(0, end);
      if (text.endsWith(`: ${above}`)) return text.slice(0, -above.length) + path.slice(0, at + end);
    }
  }
  return text;
}

/** The position of a path in a text as a separate word, or -1. */
function placeOf(path: string, text: string): number {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const behind = text[at + path.length] ?? ' ';
    if (before === ' ' && /[\s:;,.)]/.test(behind)) return at;
  }
  return -1;
}
