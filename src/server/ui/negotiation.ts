/** What a browser says of what it takes: codings, and a copy that it has. */

/** Whether a header such as `Accept-Encoding` takes this word; a weight of 0 is a refusal. */
export function accepts(header: string | undefined, word: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    return name === word && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** Whether `If-None-Match` names this tag. */
export function hasCopy(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}
