/** The key of signed links, from its file: what is in it is told to nobody, also where it cannot be used. */
import { open } from 'node:fs/promises';
import type { LinksConfig } from '../config/index.ts';
import { fail } from '../errors/index.ts';
import { LEAST_LINK_KEY, type LinkOptions } from '../server/index.ts';

/** More than any key has: a file that is larger is another one by mistake. */
const MOST = 4096;

/** How links are made, as configured. @throws CONFIG_INVALID for a key file that cannot be used */
export async function linkOptions({ keyFile, maxLifetime }: LinksConfig): Promise<LinkOptions> {
  return { maxLifetime, ...(keyFile === undefined ? {} : { key: await keyOf(keyFile) }) };
}

async function keyOf(file: string): Promise<Buffer> {
  const bytes = await beginning(file).catch((error: NodeJS.ErrnoException) => {
    throw invalid(file, `cannot be read (${error.code ?? error.message})`);
  });
  if (bytes.length > MOST) throw invalid(file, `has more than ${MOST} bytes: is it the right file?`);
  // Programs that write a text end it with a line break, which others leave out.
  const end = bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? -2 : -1) : bytes.length;
  const key = bytes.subarray(0, end);
  if (key.length >= LEAST_LINK_KEY) return key;
  const needed = `a key needs ${LEAST_LINK_KEY} or more: openssl rand -hex 32 makes one`;
  throw invalid(file, `has ${key.length} bytes, ${needed}`);
}

/** No more of it than can be a key, and a byte by which too much is told. */
async function beginning(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST + 1), 0, MOST + 1);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function invalid(file: string, reason: string) {
  return fail('CONFIG_INVALID', { reason: `server.links.key_file: ${file} ${reason}` });
}
