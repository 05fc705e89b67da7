/**
 * Returns a predicate: whether a text contains all words of a filter, ignoring case. An empty filter matches every
 * text.
 */
export function hasWords(filter: string): (text: string) => boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}
