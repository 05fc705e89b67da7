/**
 * The page as the build left it: a folder with a manifest. Only what the manifest names is ever read, once, when the page
 * is first asked for; a name that comes in a request is looked up among those and never made into a path of a file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tagOf } from '../http/conditional.ts';

/** Codings in which the build leaves each file, with what its name ends in then. The first that a browser takes is sent. */
const CODINGS = { br: '.br', gzip: '.gz' } as const;

const MANIFEST = 'manifest.json';

/** What the build says of a file. */
interface ManifestEntry {
  /** Below the page's address, such as `assets/main-1a2b3c.js`. */
  readonly name: string;
  readonly type: string;
  /** Its name changes with its content. */
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
      // It may be that a build was just being put in place.
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
      const worthIt = encoded.filter(({ bytes }) => bytes.length < plain.length);
      return { ...entry, variants: [...worthIt, { coding: undefined, bytes: plain, etag: `"${tag}"` }] };
    }),
  );
  return new Map(files.map((file) => [file.name, file]));
}
