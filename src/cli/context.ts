/** The context of a command: environment, messages, output, and a client on demand. */
import type { StreamFSClient } from '../client/index.ts';
import { shownName } from '../errors/index.ts';
import { UsageError } from './exit-codes.ts';
import { type CliIo, type Messages, Output } from './io.ts';
import { readCaFile } from './trust.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  url?: string | undefined;
  tokenFile?: string | undefined;
  caFile?: string | undefined;
  quiet?: boolean | undefined;
  json?: boolean | undefined;
}

/** Longer than any token that fits into the headers of a request. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;

/** @throws UsageError that does not show the token */
function requireToken(token: string, from: string): void {
  const wrong = /[^\x21-\x7e]/u.exec(token);
  if (wrong === null) return;
  const [sign] = wrong;
  const kind = /[\r\n]/.test(sign)
    ? 'a line break'
    : sign === ' '
      ? 'a space'
      : /\p{Cc}/u.test(sign)
        ? 'a control character'
        : 'a character that is not ASCII';
  const place = [...token.slice(0, wrong.index)].length + 1;
  throw new UsageError(
    `${from} has ${kind} at character ${place}: a token consists of visible ASCII characters, without spaces or line breaks`,
  );
}

export class CommandContext {
  readonly io: CliIo;
  readonly messages: Messages;
  readonly global: GlobalOptions;
  #output: Output | undefined;
  #client: Promise<StreamFSClient> | undefined;
  #close: (() => void) | undefined;

  constructor(io: CliIo, messages: Messages, global: GlobalOptions) {
    this.io = io;
    this.messages = messages;
    this.global = global;
  }

  get signal(): AbortSignal {
    return this.io.signal;
  }

  /** Whether notes and progress are printed. Losses and errors are always reported. */
  get chatty(): boolean {
    return this.global.quiet !== true;
  }

  get output(): Output {
    this.#output ??= new Output(this.io.stdout);
    return this.#output;
  }

  /**
   * Runs an operation that waits for data to write, with a signal that also aborts when the reader of our output has
   * gone, even while there is nothing to write.
   */
  async whileRead<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { failed } = this.output;
    const stop = this.output.watch(this.io.outputCheck?.());
    try {
      return await work(AbortSignal.any([this.signal, failed]));
    } catch (error) {
      // An aborted operation may fail with any error; the reason of the abort is the one that matters.
      throw failed.aborted ? failed.reason : error;
    } finally {
      stop();
    }
  }

  /** Writes a line to standard output. */
  async print(line: string): Promise<void> {
    await this.output.write(`${line}\n`, this.signal);
  }

  async printJson(value: unknown): Promise<void> {
    await this.print(JSON.stringify(value, undefined, 2));
  }

  /** Flushes the output, so that a write error such as a full disk is a failure too. */
  async flush(): Promise<void> {
    // After a stop request, as for a server, it must not wait for a reader that may have gone.
    if (!this.signal.aborted) await this.#output?.flush(this.signal);
  }

  /** The client, loaded on demand: `--help` and `completion` need none. */
  client(): Promise<StreamFSClient> {
    this.#client ??= this.#makeClient();
    return this.#client;
  }

  async #makeClient(): Promise<StreamFSClient> {
    const [{ StreamFSClient, DEFAULT_URL }, { createNodeFetch }] = await Promise.all([
      import('../client/index.ts'),
      import('./node-fetch.ts'),
    ]);
    const given = firstGiven({ '--url': this.global.url, STREAMFS_URL: this.io.env.STREAMFS_URL });
    const url = given?.value ?? DEFAULT_URL;
    if (URL.canParse(url) && new URL(url).username + new URL(url).password !== '') {
      throw new UsageError(`${given?.from}: the address must not hold credentials: set STREAMFS_TOKEN or --token-file`);
    }
    const token = await this.#token();
    const caFile = firstGiven({ '--ca-file': this.global.caFile, STREAMFS_CA_FILE: this.io.env.STREAMFS_CA_FILE });
    const fetch = createNodeFetch(caFile && (await readCaFile(caFile.value, caFile.from, this.signal)));
    this.#close = () => fetch.close();
    try {
      return new StreamFSClient({ url, fetch, signal: this.signal, token });
    } catch (error) {
      // The token has been checked.
      if (error instanceof TypeError && given !== undefined) {
        throw new UsageError(`${given.from}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }

  /** The source of the token, for messages; undefined if there is none. */
  get tokenSource(): string | undefined {
    if (this.global.tokenFile !== undefined) return `the file ${this.global.tokenFile}`;
    return this.io.env.STREAMFS_TOKEN ? 'STREAMFS_TOKEN' : undefined;
  }

  /** From a file or the environment, never from the arguments: every user of the machine can see those. */
  async #token(): Promise<string | undefined> {
    const file = this.global.tokenFile;
    if (file === undefined) {
      const token = this.io.env.STREAMFS_TOKEN || undefined;
      if (token !== undefined) requireToken(token, 'STREAMFS_TOKEN');
      return token;
    }
    const { readUserFile } = await import('../config/user-file.ts');
    const name = shownName(file);
    const bytes = await readUserFile(file, { maxBytes: MAX_TOKEN_FILE_BYTES, signal: this.signal }).catch(
      (error: Error) => {
        throw new UsageError(`--token-file: cannot read ${name}: ${error.message}`);
      },
    );
    const token = bytes.toString().trim();
    if (token === '') throw new UsageError(`--token-file: ${name} is empty: it should contain a token`);
    requireToken(token, `--token-file: ${name}`);
    return token;
  }

  /** Closes the client's connections. */
  close(): void {
    this.#close?.();
  }
}

/** The first value given by an option or, without it, by a variable, and its source. An empty variable counts as unset. */
function firstGiven(
  sources: Readonly<Record<string, string | undefined>>,
): { value: string; from: string } | undefined {
  for (const [from, value] of Object.entries(sources)) {
    if (value !== undefined && (value !== '' || from.startsWith('--'))) return { value, from };
  }
  return undefined;
}
