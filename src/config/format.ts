/** Detects the format of a configuration: by the file's name, else by the first significant line. */
import type { ParseResult } from './document.ts';
import { parseTomlDocument } from './toml.ts';
import { parseYamlDocument } from './yaml.ts';

export function parseDocument(text: string, file: string): ParseResult {
  return isToml(text, file) ? parseTomlDocument(text) : parseYamlDocument(text);
}

function isToml(text: string, file: string): boolean {
  if (/\.toml$/i.test(file)) return true;
  if (/\.(ya?ml|json)$/i.test(file)) return false;
  const first = text.split('\n').find((line) => /^\s*[^\s#]/.test(line));
  return first !== undefined && /^\s*(\[|[\w."'-]+\s*=)/.test(first);
}
