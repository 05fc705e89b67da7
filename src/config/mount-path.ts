/** Where something may be mounted, as far as can be told before anything is mounted. */
import { fail } from '../errors/index.ts';

/** An absolute path in its shortest spelling: `//live/` is `/live`. Anything else is CONFIG_INVALID. */
export function parseMountPath(text: string): string {
  const parts = text.split('/').filter((part) => part !== '');
  const reason = !text.startsWith('/')
    ? "expected an absolute path, such as '/streamfs'"
    : parts.length === 0
      ? "expected a path below the root, such as '/streamfs'"
      : parts.some((part) => part === '.' || part === '..')
        ? "expected a path without '.' and '..'"
        : hasControlCharacter(text)
          ? 'expected a path without control characters'
          : undefined;
  if (reason !== undefined) {
    throw fail('CONFIG_INVALID', { reason: `invalid mount path: ${JSON.stringify(text.slice(0, 100))} (${reason})` });
  }
  return `/${parts.join('/')}`;
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code === 127) return true;
  }
  return false;
}
