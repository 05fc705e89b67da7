/**
 * Checks of arguments at the published functions. Programs without types, and casts, may pass anything: a wrong value is
 * a TypeError that names the argument and its expected type, instead of a silent default or an error from deep inside.
 */

/** The names of all options of a type; the compiler checks that none is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

const NAMED_TYPES = ['string', 'number', 'boolean', 'function', 'object'] as const;

/** @throws TypeError unless `value` is of the type, or undefined and `isOptional` */
export function requireType(
  name: string,
  value: unknown,
  type: (typeof NAMED_TYPES)[number],
  isOptional = false,
): void {
  if (isOptional && value === undefined) return;
  const isType = typeof value === type && (type !== 'object' || (value !== null && !Array.isArray(value)));
  if (!isType) throw wrongType(name, type === 'object' ? 'an object' : `a ${type}`, value);
}

/** @throws TypeError unless `value` is an array */
export function requireArray(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw wrongType(name, 'an array', value);
}

/** @throws TypeError unless `value` is an object with these methods */
export function requireMethods(name: string, value: unknown, methods: readonly string[]): void {
  requireType(name, value, 'object');
  for (const method of methods)
    requireType(`${name}.${method}`, (value as Record<string, unknown>)[method], 'function');
}

/**
 * @param of the function that takes the options
 * @throws TypeError unless `options` is an object, or if it has an option that does not exist
 */
export function requireOptions<Options extends object>(
  of: string,
  options: Options,
  names: OptionNames<Options>,
): void {
  requireType(`options of ${of}`, options, 'object');
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  throw new TypeError(`unknown option '${unknown}' of ${of}: it has ${Object.keys(names).sort().join(', ')}`);
}

/**
 * Does not use `instanceof`, because other realms have a different Uint8Array.
 *
 * @throws TypeError unless `bytes` has elements of one byte: anything else would be written as other bytes, or as none
 */
export function requireBytes(bytes: Uint8Array): void {
  if (ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1) return;
  throw new TypeError('bytes must be a Uint8Array; for a text use new TextEncoder().encode(text)');
}

function wrongType(name: string, expected: string, value: unknown): TypeError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  return new TypeError(`${name} must be ${expected}, not ${got}`);
}
