/**
 * Reports what is wrong with a configuration: file, line, key, the value found, and what would be right. All problems
 * are reported at once, in the order of the file, so that they can be fixed together.
 */
import type { z } from 'zod';
import { createError, hint } from '../errors/index.ts';
import type { KeyPath } from './document.ts';
import type { Problem } from './problem.ts';
import { knownKeys } from './schema.ts';

/** The source of a configuration, as named in errors. */
export interface Source {
  /** The file's name; absent for a configuration given as an object. */
  file?: string | undefined;
  lineOf(path: KeyPath): number | undefined;
}

/** One CONFIG_INVALID for all problems, one line each; its details give the place of the first. */
export function configError(source: Source, problems: readonly Problem[]) {
  const placed = inOrder(source, problems);
  const reason = formatProblems(source, problems).join('\n');
  const first = placed[0];
  return createError(
    'CONFIG_INVALID',
    { reason },
    {
      ...(source.file === undefined ? {} : { file: source.file }),
      ...(first?.line ? { line: first.line } : {}),
      ...(first && first.path.length > 0 ? { key: keyText(first.path) } : {}),
    },
  );
}

function inOrder(source: Source, problems: readonly Problem[]) {
  const placed = problems.map(({ path, text }) => ({ path, text, line: source.lineOf(path) ?? 0 }));
  return placed.sort((a, b) => a.line - b.line);
}

/** A line for each of the first problems, in the order of the file: place, key, problem. */
export function formatProblems(source: Source, problems: readonly Problem[]): string[] {
  const lines = inOrder(source, problems).map(({ path, text, line }) => {
    const key = keyText(path);
    return `${whereText(source, line)}: ${key === '' ? '' : `${key}: `}${text}`;
  });
  return firstOf(lines, source);
}

/** Maximum number of reported problems: a missing bracket can cause hundreds. */
const MAX_REPORTED = 20;

/** The longest line, in characters: a parser may quote the whole rest of the file. */
const MAX_LINE_LENGTH = 800;

/** The first lines, and how many more there are. Control characters in quoted text are escaped for the terminal. */
export function firstOf(lines: readonly string[], source: Source): string[] {
  const more = lines.length - MAX_REPORTED;
  const first = lines.slice(0, MAX_REPORTED).map((line) => {
    const cut = line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
    return cut.replace(/\p{Cc}/gu, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
  });
  return more <= 0 ? first : [...first, `${whereText(source, undefined)}: ${more} more like these`];
}

/** `streamfs.yaml:12`, without the line if it is unknown. */
export function whereText(source: Source, line: number | undefined): string {
  const file = source.file ?? 'configuration';
  return line ? `${file}:${line}` : file;
}

function keyText(path: KeyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

type Issue = z.core.$ZodIssue;

export function problemsOf(issues: readonly Issue[], root: unknown): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], root));
}

function problemsOfIssue(issue: Issue, base: KeyPath, root: unknown): Problem[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], text: `unknown key (${hint(key, knownKeys(path))})` }));
  }
  const value = valueAt(root, path);
  if (issue.code === 'invalid_union') {
    // The user meant the form whose type matches the value.
    const meant = issue.errors.find((branch) => !branch.some(isWrongType));
    if (meant) return meant.flatMap((inner) => problemsOfIssue(inner, path, root));
    const text = issue.message === 'Invalid input' ? 'must be a mapping or a list' : issue.message;
    return [{ path, text: `${text}, not ${shown(value)}` }];
  }
  return [{ path, text: textOf(issue, value) }];
}

/** For a form with fixed values, such as false, any other value counts as a wrong type. */
function isWrongType(issue: Issue): boolean {
  return (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.path.length === 0;
}

function textOf(issue: Issue, value: unknown): string {
  if (value === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}, not ${shown(value)}`;
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      return `must be one of ${allowed.join(', ')}, not ${shown(value)}`;
    }
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string' ? 'must not be empty' : issue.message;
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function valueAt(root: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return (value as Record<PropertyKey, unknown>)[part];
  }, root);
}
