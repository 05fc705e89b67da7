/**
 * Reads the key of signed links from its file. The content never appears in a log or an error, even if it is invalid.
 */
import { open } from 'node:fs/promises';
import type { LinksConfig } from '../config/index.ts';
import { createError, fileProblem } from '../errors/index.ts';
import { type LinkOptions, MIN_LINK_KEY_BYTES } from '../server/index.ts';

/** Larger than any key: a larger file is the wrong file. */
const MAX_KEY_BYTES = 4096;

/** The link options of a configuration. @throws CONFIG_INVALID for a key file that cannot be used */
export async function linkOptions({ keyFile, maxLifetime }: LinksConfig): Promise<LinkOptions> {
  return { maxLifetime, ...(keyFile === undefined ? {} : { key: await keyOf(keyFile) }) };
}

async function keyOf(file: string): Promise<Buffer> {
  const bytes = await beginning(file).catch((error: unknown) => {
    throw invalid(file, `cannot be read: ${fileProblem(error)}`);
  });
  if (bytes.length > MAX_KEY_BYTES) throw invalid(file, `has more than ${MAX_KEY_BYTES} bytes: is it the right file?`);
  // Some programs end a text file with a line break, others do not.
  const end = bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? -2 : -1) : bytes.length;
  const key = bytes.subarray(0, end);
  if (key.length >= MIN_LINK_KEY_BYTES) return key;
  const needed = `a key needs ${MIN_LINK_KEY_BYTES} or more: openssl rand -hex 32 makes one`;
  throw invalid(file, `has ${key.length} bytes, ${needed}`);
}

/** Reads at most the longest key and one more byte, which detects a longer file. */
async function beginning(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_KEY_BYTES + 1), 0, MAX_KEY_BYTES + 1);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function invalid(file: string, reason: string) {
  return createError('CONFIG_INVALID', { reason: `server.links.key_file: ${file} ${reason}` });
}
