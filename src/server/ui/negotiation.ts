/** What a browser says of what it takes. */

/** Whether a header such as `Accept-Encoding` takes this word; a weight of 0 is a refusal. */
export function accepts(header: string | undefined, word: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    return name === word && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
