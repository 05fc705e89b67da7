/**
 * The content types that responses with stream data may have (contract 99). A browser that receives untrusted bytes
 * with one of these types displays or plays them, and executes nothing. So HTML, SVG, XML, PDF and all other types that
 * can contain scripts are excluded.
 */

const TEXT = ['charset'] as const;
const SOUND = ['codecs', 'rate', 'channels'] as const;
const NONE = [] as const;

/** Each type with its allowed parameters. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  'application/octet-stream': NONE,
  'application/json': TEXT,
  'application/jsonl': TEXT,
  'application/ndjson': TEXT,
  'application/x-ndjson': TEXT,
  'text/csv': [...TEXT, 'header'],
  'text/plain': TEXT,
  ...all('audio', SOUND, [
    ...[
      '3gpp',
      'aac',
      'aacp',
      'ac3',
      'basic',
      'eac3',
      'flac',
      'l16',
      'l24',
      'mp4',
      'mpeg',
      'ogg',
      'opus',
      'wav',
      'wave',
    ],
    ...['webm', 'x-flac', 'x-m4a', 'x-wav'],
  ]),
  ...all('image', NONE, [
    ...['apng', 'avif', 'bmp', 'gif', 'heic', 'heif', 'jpeg', 'jpg', 'jxl', 'png', 'tiff', 'vnd.microsoft.icon'],
    ...['webp', 'x-icon'],
  ]),
  ...all(
    'video',
    ['codecs'],
    [
      ...['3gpp', 'h264', 'h265', 'iso.segment', 'matroska', 'mp2t', 'mp4', 'mpeg', 'ogg', 'quicktime', 'webm'],
      ...['x-m4v', 'x-matroska', 'x-msvideo'],
    ],
  ),
};

function all(kind: string, parameters: readonly string[], subtypes: readonly string[]) {
  return Object.fromEntries(subtypes.map((subtype) => [`${kind}/${subtype}`, parameters]));
}

/**
 * The allowed parameter values. UTF-7 and similar encodings are excluded, because they can hide markup in
 * harmless-looking text.
 */
const PARAMETER_VALUES: Readonly<Record<string, RegExp>> = {
  channels: /^\d{1,3}$/,
  charset:
    /^(?:utf-8|utf-16(?:le|be)?|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gbk|gb18030|big5)$/,
  codecs: /^[a-z0-9][a-z0-9.,_ +-]*$/,
  header: /^(?:present|absent)$/,
  rate: /^\d{1,7}$/,
};

/** The maximum length of a content type, in characters. */
export const MAX_CONTENT_TYPE_LENGTH = 200;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})`);
const PARAMETER = new RegExp(`[ \\t]*;[ \\t]*(${TOKEN})=(?:(${TOKEN})|"([^"\\\\\\x00-\\x1f\\x7f-\\uffff]*)")`, 'y');

interface ContentType {
  essence: string;
  parameters: [name: string, value: string][];
}

/**
 * Normalises a media type, such as `text/plain; charset=utf-8`. Undefined if it is invalid (RFC 9110 section 8.3.1).
 */
export function normalContentType(text: string): string | undefined {
  const type = parse(text);
  return type === undefined ? undefined : textOf(type);
}

/** Like {@link normalContentType}, but undefined for types that responses with stream data may not have. */
export function listedContentType(text: string): string | undefined {
  const type = parse(text);
  if (type === undefined || !Object.hasOwn(TYPES, type.essence)) return undefined;
  const allowed = TYPES[type.essence]!;
  const isHarmless = type.parameters.every(
    ([name, value]) => allowed.includes(name) && PARAMETER_VALUES[name]!.test(value.toLowerCase()),
  );
  return isHarmless ? textOf(type) : undefined;
}

/** Whether browsers play or display this type as media rather than as text. */
export function isMediaContentType(type: string): boolean {
  return /^(?:audio|video|image)\//.test(type);
}

const UTF8_CHARSETS: readonly string[] = ['utf-8', 'utf8', 'us-ascii', 'ascii'];

/** Whether content of this type is UTF-8 text, according to the type. */
export function isUtf8ContentType(type: string): boolean {
  const { essence = '', parameters = [] } = parse(type) ?? {};
  if (!/^(?:text\/.+|application\/(?:.+\+)?(?:json|jsonl|ndjson|x-ndjson))$/.test(essence)) return false;
  const charset = parameters.find(([name]) => name === 'charset');
  return charset === undefined || UTF8_CHARSETS.includes(charset[1].toLowerCase());
}

/** All types without parameters, for documentation and errors. */
export const LISTED_CONTENT_TYPES: readonly string[] = Object.keys(TYPES);

function parse(text: string): ContentType | undefined {
  const trimmed = text.trim();
  const essence = trimmed.length > MAX_CONTENT_TYPE_LENGTH ? undefined : MEDIA_TYPE.exec(trimmed)?.[1];
  if (essence === undefined) return undefined;
  const parameters: ContentType['parameters'] = [];
  PARAMETER.lastIndex = essence.length;
  for (let at = essence.length; at < trimmed.length; at = PARAMETER.lastIndex) {
    const match = PARAMETER.exec(trimmed);
    if (match === null) return undefined;
    const name = match[1]!.toLowerCase();
    // Implementations disagree on which of two equal parameters applies.
    if (parameters.some(([other]) => other === name)) return undefined;
    parameters.push([name, match[2] ?? match[3]!]);
  }
  return { essence: essence.toLowerCase(), parameters };
}

function textOf({ essence, parameters }: ContentType): string {
  const written = parameters.map(([name, value]) => {
    const same = name === 'charset' ? value.toLowerCase() : value;
    return `; ${name}=${new RegExp(`^${TOKEN}$`).test(same) ? same : `"${same}"`}`;
  });
  return essence + written.join('');
}
