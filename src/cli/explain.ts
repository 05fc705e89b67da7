/**
 * Errors in terms of the command line. The server names parameters and headers; the user of a command needs the option,
 * the variable or the command that helps.
 */
import { withAbsolutePath } from '../protocol/index.ts';
import type { CommandContext } from './context.ts';
import { ExitError, exitOf } from './exit-codes.ts';

interface Failure {
  message: string;
  code: string;
  details: Readonly<Record<string, unknown>>;
}

type Explain = (failure: Failure, context: CommandContext) => string | Promise<string>;

/** Keeps the server's message and adds advice. */
const withHint =
  (hint: string): Explain =>
  ({ message }) =>
    `${message}: ${hint}`;

/** Codes that are missing here have a clear message, or cannot be caused by a command. */
const EXPLANATIONS: Readonly<Record<string, Explain>> = {
  USE_STREAM_MODE: withHint('add --stream'),
  DEVICE_HAS_NO_END: () => 'this device has no end: add --stream, and end it with head -c or the like',
  PRODUCERS_NOT_SUPPORTED: () =>
    'this is not a stream: leave out --stream, --ring and the like, or use a path on a streamfs mount',
  STREAM_CLOSED: withHint('it was ended; to write it again, remove it first: streamfs rm'),
  PRODUCER_LIMIT: ({ details }) =>
    `too many writers at once: ${details.max} are allowed for each stream; --no-retry writes without being counted`,
  STREAM_RECREATED: () => 'the stream was removed and created again meanwhile',
  STREAM_SETTINGS_DIFFER: withHint('leave those options out to use it as it is, or remove it first: streamfs rm'),
  SETTINGS_NOT_SUPPORTED: () => 'this is not a stream: --ring, --type and the like do not apply',
  OFFSET_GONE: ({ message, details }) => `${message}: begin with --offset ${details.earliest}, or without --offset`,
  OFFSET_BEYOND_END: ({ message, details }) =>
    `${message}: no more bytes will follow; omit --offset to read the retained bytes, or use at most --offset ${details.end}`,
  READER_TOO_SLOW: ({ details }) =>
    `too slow: this reader fell too far behind and was disconnected at offset ${details.offset}; ` +
    `continue with --offset ${details.offset}, or skip lost bytes with --on-lag drop-oldest`,
  READER_NOT_FOUND: withHint('see streamfs readers'),
  STREAM_NO_DIRECTORIES: withHint('names of streams may contain slashes, so no directory is needed'),
  DIRECTORY_NOT_EMPTY: withHint('add -r to remove it with its contents'),
  BODY_TOO_LARGE: ({ details, message }) =>
    `the input is too long for an ordinary file${details.max === undefined ? `: ${message}` : `: ${details.max} bytes are allowed`} ` +
    '(server.max_request_body_bytes); a stream has no such limit',
  BODY_TIMEOUT: withHint('an ordinary file is written when its input is complete; for a live source use a stream'),
  NOTHING_MOUNTED: async ({ message }, context) => `${message}: ${await mountsOf(context)}`,
  MOUNT_NOT_FOUND: async ({ message }, context) => `${message}: ${await mountsOf(context)}`,
  MOUNT_IS_FIXED: withHint('see streamfs unmount'),
  UNAUTHORIZED: (_, context) =>
    context.tokenSource === undefined
      ? 'unauthorized: this server requires a token: set STREAMFS_TOKEN or --token-file'
      : `unauthorized: this server does not know the token: check ${context.tokenSource}`,
  IS_A_DIRECTORY: () => 'this is a directory: streamfs ls lists what is in it',
  ROUTE_NOT_FOUND: async (_, context) =>
    `there is no StreamFS at ${(await context.client()).url}: check --url or STREAMFS_URL`,
  INTERNAL: withHint("the server's log says more"),
};

/**
 * Replaces the text of `error` by one about commands and options, with the same exit code.
 *
 * @param path the path that the command was given, which the error names in full
 */
export async function explained(error: unknown, context: CommandContext, path?: string): Promise<unknown> {
  if (context.signal.aborted || !isFailure(error)) return error;
  const text = await textOf(error, context);
  const named = path === undefined ? text : withAbsolutePath(text, normalised(path));
  return named === error.message ? error : new ExitError(exitOf(error), named, { cause: error });
}

/** As the server reads it: without empty parts and parts that mean the same directory. */
function normalised(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;
}

async function textOf(failure: Failure, context: CommandContext): Promise<string> {
  const explain = Object.hasOwn(EXPLANATIONS, failure.code) ? EXPLANATIONS[failure.code] : undefined;
  return (await explain?.(failure, context)) ?? failure.message;
}

function isFailure(error: unknown): error is Error & Failure {
  return error instanceof Error && error.name === 'StreamFSClientError' && 'code' in error && 'details' in error;
}

/** A failure of this extra request must not hide the error of the command. */
async function mountsOf(context: CommandContext): Promise<string> {
  const mounts = await context
    .client()
    .then((client) => client.mounts())
    .catch(() => undefined);
  if (mounts === undefined || mounts.length === 0) return 'see streamfs mounts';
  return `the mounts are ${mounts.map(({ path }) => path).join(', ')}`;
}
