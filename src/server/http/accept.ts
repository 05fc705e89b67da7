/** Content negotiation (RFC 9110 sections 12.5.1 and 12.5.3). */

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = `[ \\t]*;[ \\t]*(${TOKEN})=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`;
const RANGE = new RegExp(`^(${TOKEN}/${TOKEN})((?:${PARAMETER})*)$`);
const WEIGHT = new RegExp(`[ \\t]*;[ \\t]*q=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`, 'i');
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
/** Members of a list: commas in quoted values do not separate members. */
const MEMBERS = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/** The weight of each media range in `Accept`, from 0 to 1. Ranges are in lower case and without parameters. */
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
 * The media type of the response: among the named types, the first with the highest weight. The default type, if its
 * weight is higher or no other type is named. So a client that accepts everything gets the default.
 */
export function preferredType(accept: string, standard: string, others: readonly string[]): string {
  const ranges = acceptedRanges(accept);
  const kind = `${standard.slice(0, standard.indexOf('/'))}/*`;
  let best = standard;
  let quality = ranges.get(standard) ?? ranges.get(kind) ?? ranges.get('*/*') ?? 0;
  let isNamed = false;
  for (const type of others) {
    const wanted = ranges.get(type) ?? 0;
    // A named type takes precedence over one that only a wildcard allows.
    if (wanted === 0 || wanted < quality || (wanted === quality && isNamed)) continue;
    best = type;
    quality = wanted;
    isNamed = true;
  }
  return best;
}

/** Whether `Accept-Encoding` accepts this coding; a weight of 0 excludes it. */
export function acceptsCoding(header: string | undefined, coding: string): boolean {
  return (header ?? '').split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    return name === coding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
