/** Extracts the contents of the API reference from the OpenAPI document. */
import { hasWords } from '../filter/words.ts';

interface Schema {
  type?: string | string[] | undefined;
  enum?: unknown[] | undefined;
  default?: unknown;
  description?: string | undefined;
  properties?: Record<string, Schema> | undefined;
  required?: string[] | undefined;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean | undefined;
  description?: string | undefined;
  schema?: Schema | undefined;
}

interface Response {
  $ref?: string | undefined;
  description?: string | undefined;
}

interface Described {
  summary?: string | undefined;
  description?: string | undefined;
  parameters?: Parameter[] | undefined;
  requestBody?: { content?: Record<string, { schema?: Schema | undefined }> | undefined } | undefined;
  responses?: Record<string, Response> | undefined;
}

export interface OpenApi {
  paths: Record<string, Record<string, Described>>;
  components?: { responses?: Record<string, Response> | undefined } | undefined;
}

interface Field {
  name: string;
  /** `path`, `query`, `header`, `body`. */
  place: string;
  type: string;
  isRequired: boolean;
  standard: string;
  description: string;
}

export interface Operation {
  method: string;
  path: string;
  summary: string;
  description: string;
  fields: readonly Field[];
  responses: readonly { status: string; description: string }[];
}

const REFERENCE = '#/components/responses/';

export function operationsOf({ paths, components }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]): Operation => {
      const { summary = '', description = '', parameters = [], requestBody, responses = {} } = described;
      const bodies = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => bodyFields(schema));
      return {
        method: method.toUpperCase(),
        path,
        summary,
        description,
        fields: [...parameters.map(parameterField), ...bodies],
        responses: Object.entries(responses).map(([status, { $ref, description: said }]) => ({
          status,
          description: said ?? components?.responses?.[($ref ?? '').slice(REFERENCE.length)]?.description ?? '',
        })),
      };
    }),
  );
}

/** The operations that contain all words in their method, path or summary. */
export function matching(operations: readonly Operation[], text: string): Operation[] {
  const isAsked = hasWords(text);
  return operations.filter(({ method, path, summary }) => isAsked(`${method} ${path} ${summary}`));
}

function parameterField({ name, in: place, required = false, description = '', schema = {} }: Parameter): Field {
  return { name, place, isRequired: required, description, ...factsOf(schema) };
}

function bodyFields(schema: Schema | undefined): Field[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    place: 'body',
    isRequired: schema?.required?.includes(name) === true,
    description: property.description ?? '',
    ...factsOf(property),
  }));
}

function factsOf({ type = '', enum: words, default: standard }: Schema): Pick<Field, 'type' | 'standard'> {
  return {
    type: words === undefined ? [type].flat().join(' or ') : words.map(String).join(', '),
    standard: standard === undefined ? '' : String(standard),
  };
}
