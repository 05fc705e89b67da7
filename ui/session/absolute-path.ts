import { withAbsolutePath } from '../../src/protocol/index.ts';

/** A response body in which an error names the absolute path; any other body is returned unchanged. */
export function bodyWithAbsolutePath(text: string, address: string): string {
  const path = new URL(address).searchParams.get('path');
  if (path === null) return text;
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('error' in body) || typeof body.error !== 'string') return text;
    return JSON.stringify({ ...body, error: withAbsolutePath(body.error, path) });
  } catch {
    return text;
  }
}
