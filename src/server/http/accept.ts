/** What a client accepts (RFC 9110 sections 12.5.1 and 12.5.3). */

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = `[ \\t]*;[ \\t]*(${TOKEN})=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`;
const RANGE = new RegExp(`^(${TOKEN}/${TOKEN})((?:${PARAMETER})*)$`);
const WEIGHT = new RegExp(`[ \\t]*;[ \\t]*q=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`, 'i');
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
/** Members of a list: commas in quoted values divide nothing. */
const MEMBERS = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/** How much a client wants each media range that it names, from 0 to 1, ranges in lower case and without parameters. */
export function acceptedRanges(accept: string): ReadonlyMap<string, number> {
  const ranges = new Map<string, number>();
  for (const member of accept.match(MEMBERS) ?? []) {
    const [, range, parameters] = RANGE.exec(member.trim()) ?? [];
    if (range === undefined || parameters === undefined) continue;
    const weight = WEIGHT.exec(parameters)?.[1] ?? '1';
    if (QUALITY.test(weight)) ranges.set(range.toLowerCase(), Number(weight));
  }
  return ranges;
}

/**
 * The media type to answer with: of those that are named, the one that is wanted most, the first of several; the standard
 * one where that is wanted more, and where nothing else is named. So what accepts everything gets the standard.
 */
export function preferredType(accept: string, standard: string, others: readonly string[]): string {
  const ranges = acceptedRanges(accept);
  const kind = `${standard.slice(0, standard.indexOf('/'))}/*`;
  let best = standard;
  let quality = ranges.get(standard) ?? ranges.get(kind) ?? ranges.get('*/*') ?? 0;
  let isNamed = false;
  for (const type of others) {
    const wanted = ranges.get(type) ?? 0;
    // What is named comes before what is only allowed.
    if (wanted === 0 || wanted < quality || (wanted === quality && isNamed)) continue;
    best = type;
    quality = wanted;
    isNamed = true;
  }
  return best;
}

/** Whether `Accept-Encoding` takes this coding; a weight of 0 is a refusal. */
export function acceptsCoding(header: string | undefined, coding: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    return name === coding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
