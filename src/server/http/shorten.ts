/** Truncates text from a client so that it can be repeated in a message. */
export function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}
