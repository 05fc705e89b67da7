/**
 * The built page: a folder with a manifest. Only files in the manifest are read, once, when the page is first
 * requested. A name in a request is looked up among them, and never turned into a file path.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tagOf } from '../http/conditional.ts';

/** Content codings of each built file, with their file extensions. The first that a browser accepts is sent. */
const CODINGS = { br: '.br', gzip: '.gz' } as const;

const MANIFEST = 'manifest.json';

/** The facts about a file in the manifest. */
interface ManifestEntry {
  /** Relative to the URL of the page, such as `assets/main-1a2b3c.js`. */
  readonly name: string;
  readonly type: string;
  /** The name contains a hash of the content. */
  readonly hashed: boolean;
}

/** The bytes of a file in one coding. */
interface Variant {
  readonly coding: keyof typeof CODINGS | undefined;
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface PageFile extends ManifestEntry {
  /** The best first; the last is not encoded. */
  readonly variants: readonly Variant[];
}

export class BuiltPage {
  readonly #folder: string;
  #files: Promise<ReadonlyMap<string, PageFile>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file of that name, if the manifest has it. */
  async file(name: string): Promise<PageFile | undefined> {
    this.#files ??= readPage(this.#folder).catch((error: unknown) => {
      // Allows a retry, since a build may have been in progress.
      this.#files = undefined;
      throw error;
    });
    return (await this.#files).get(name);
  }
}

async function readPage(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as readonly ManifestEntry[];
  const files = await Promise.all(
    entries.map(async (entry): Promise<PageFile> => {
      const plain = await readFile(join(folder, entry.name));
      const tag = tagOf(plain);
      const codings = Object.entries(CODINGS) as [keyof typeof CODINGS, string][];
      const encoded = await Promise.all(
        codings.map(async ([coding, suffix]): Promise<Variant> => {
          const bytes = await readFile(join(folder, entry.name + suffix));
          return { coding, bytes, etag: `"${tag}-${coding}"` };
        }),
      );
      const smaller = encoded.filter(({ bytes }) => bytes.length < plain.length);
      return { ...entry, variants: [...smaller, { coding: undefined, bytes: plain, etag: `"${tag}"` }] };
    }),
  );
  return new Map(files.map((file) => [file.name, file]));
}
