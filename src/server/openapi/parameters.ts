/** Parameters and fields of bodies as JSON Schema. */
import { formatSize, MAX_DURATION, MAX_SIZE } from '../../units/index.ts';
import type { RouteParameter } from '../http/route.ts';

type Schema = Readonly<Record<string, unknown>>;

const SIZE = {
  type: ['integer', 'string'],
  pattern: '^\\d+(?:\\.\\d+)?[ \\t]*(?:[KkMmGgTt]?[Bb])?$',
  minimum: 0,
  description: `Bytes, or a number with a unit; at most ${formatSize(MAX_SIZE)}.`,
  examples: ['512KB'],
};
const DURATION = {
  type: ['number', 'string'],
  pattern: '^\\d+(?:\\.\\d+)?\\s*(?:ms|s|m|h)?$',
  minimum: 0,
  description: `Seconds, or a number with a unit (ms, s, m, h); at most ${MAX_DURATION / 1000} seconds.`,
  examples: ['500ms'],
};
const MODE = {
  type: ['integer', 'string'],
  pattern: '^(?:0o)?[0-7]{1,7}$|^\\d{1,7}$',
  description: 'Permission bits in octal, or in decimal.',
  examples: ['644'],
};

const EXAMPLES: Readonly<Record<string, string>> = {
  path: '/streamfs/log',
  newPath: '/memfs/other',
  generation: '1a2b',
};

export function schemaOf({ type, values, min, max, default: standard, name }: RouteParameter): Schema {
  const schema = baseOf(type);
  const example = EXAMPLES[name];
  return {
    ...schema,
    ...(values === undefined ? {} : { enum: values }),
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(standard === undefined ? {} : { default: defaultOf(type, standard) }),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}

function baseOf(type: RouteParameter['type']): Schema {
  switch (type) {
    case 'size':
      return SIZE;
    case 'duration':
      return DURATION;
    case 'mode':
      return MODE;
    default:
      return { type };
  }
}

/** A default value, from the form in which a client would write it. */
function defaultOf(type: RouteParameter['type'], standard: string): unknown {
  if (type === 'integer') return Number(standard);
  if (type === 'boolean') return standard === 'true';
  return type === 'object' ? {} : standard;
}
