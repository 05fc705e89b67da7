import { fileProblem, isStreamFSError, shownName } from '../../errors/index.ts';
import {
  checkLog,
  type DumpedRecord,
  describeDamage,
  dumpLog,
  type LogReport,
  type OpenedLog,
  openToRead,
  recoverAndReport,
  streamContent,
} from '../../persist/index.ts';
import { formatSize } from '../../units/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, ExitError, UsageError } from '../exit-codes.ts';
import { printable } from '../io.ts';
import { formatAge } from '../stream-facts.ts';
import { table } from '../table.ts';

interface Options {
  raw?: boolean | undefined;
}

/** `streamfs log check DIR`, `streamfs log dump [--raw] DIR [STREAM]`: reads a log on disk, offline. */
export async function log(
  context: CommandContext,
  action: 'check' | 'dump',
  directory: string,
  stream: string | undefined,
  { raw }: Options,
): Promise<number> {
  if (action === 'check' && stream !== undefined)
    throw new UsageError('check takes only a directory: it checks the whole log');
  if (raw && (action === 'check' || stream === undefined)) {
    throw new UsageError('--raw needs a stream: streamfs log dump --raw DIR /STREAM');
  }
  try {
    const opened = await openToRead(directory);
    if (action === 'check') return await check(context, opened);
    if (raw) return await printBytes(context, opened, stream!);
    return await dump(context, opened, stream);
  } catch (error) {
    throw asExit(error, directory);
  }
}

async function check(context: CommandContext, opened: OpenedLog): Promise<number> {
  const report = await checkLog(opened);
  if (context.global.json) {
    const { checkpoint, ...rest } = report;
    const time = checkpoint?.time.toISOString();
    await context.printJson({ ...rest, checkpoint: checkpoint === undefined ? null : { ...checkpoint, time } });
  } else for (const line of table(factsOf(report))) await context.print(line);
  for (const damage of report.damages) context.messages.error(describeDamage(damage));
  return report.damages.length === 0 ? EXIT.ok.code : EXIT.lost.code;
}

function factsOf({ bytes, checkpoint, cutBytes, damages, files, isClean, streams }: LogReport): string[][] {
  const { journals, leftovers, segments } = files;
  const sizes = ({ bytes: size, count }: { count: number; bytes: number }) => `${count} (${formatSize(size)})`;
  const age = checkpoint === undefined ? 0 : Math.max(0, Date.now() - checkpoint.time.getTime());
  const facts = [
    ['streams', `${streams.count} (${streams.ended} ended)`],
    ['bytes', `${bytes.retained} (${formatSize(bytes.retained)})`],
    ['segments', sizes(segments)],
    ['journals', sizes(journals)],
    ['state', checkpoint === undefined ? 'none yet' : `${formatSize(checkpoint.bytes)}, ${formatAge(age)} old`],
    ['closed', isClean ? 'cleanly' : 'not cleanly: its server was killed, or crashed'],
  ];
  if (cutBytes > 0) facts.push(['unfinished', `${cutBytes} bytes at the end, which the next start truncates`]);
  if (leftovers.count > 0)
    facts.push(['not needed', `${sizes(leftovers)}: files that no stream needs, such as ${leftovers.names[0]}`]);
  if (bytes.lost > 0) facts.push(['lost', `${bytes.lost} (${formatSize(bytes.lost)})`]);
  facts.push(['damage', damages.length === 0 ? 'none' : String(damages.length)]);
  return facts;
}

async function dump(context: CommandContext, opened: OpenedLog, path: string | undefined): Promise<number> {
  const found = new Set<DumpedRecord['kind']>();
  for await (const record of dumpLog(opened, path)) {
    found.add(record.kind);
    await context.print(context.global.json ? JSON.stringify(record) : lineOf(record));
  }
  const missing = found.has('unreadable') ? [] : await missingIn(opened, path);
  for (const damage of missing) context.messages.error(describeDamage(damage));
  const isWhole = !found.has('damaged') && !found.has('unreadable');
  if (path !== undefined && found.size === 0 && missing.length === 0) throw noStream(path);
  if (!isWhole) context.messages.error('some of it cannot be read: see the lines marked damaged or unreadable');
  else if (found.has('unfinished'))
    context.messages.warn('the end of the last journal is unfinished: the next start truncates it');
  return isWhole && missing.length === 0 ? EXIT.ok.code : EXIT.lost.code;
}

/** Damage of which the records of a dump show nothing, such as missing files. */
async function missingIn(opened: OpenedLog, path: string | undefined): Promise<LogReport['damages']> {
  const { damages } = path === undefined ? await recoverAndReport(opened) : await streamContent(opened, path);
  return damages.filter(({ from, to }) => from === to);
}

function lineOf({ file, kind, length, path, position, says, sequence, stream }: DumpedRecord): string {
  const facts = Object.entries(says).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const whose = stream === undefined ? [] : [`stream ${stream}`, ...(path === undefined ? [] : [path])];
  const number = sequence === undefined ? [] : [`#${sequence}`];
  return printable([`${file}:${position}+${length}`, ...number, kind, ...whose, ...facts].join(' '));
}

async function printBytes(context: CommandContext, opened: OpenedLog, path: string): Promise<number> {
  const { damages, parts } = await streamContent(opened, path);
  for (const damage of damages) context.messages.error(describeDamage(damage));
  let isWhole = damages.length === 0;
  if (parts === undefined) {
    if (isWhole) throw noStream(path);
    return EXIT.lost.code;
  }
  for await (const part of parts) {
    if ('data' in part) await context.output.write(part.data, context.signal);
    else {
      isWhole = false;
      context.messages.warn(`bytes ${part.lostFrom} to ${part.lostTo} cannot be read, and are skipped`);
    }
  }
  return isWhole ? EXIT.ok.code : EXIT.lost.code;
}

function noStream(path: string): ExitError {
  const hint = path.startsWith('/') ? 'paths are relative to the mount' : `did you mean /${path}?`;
  return new ExitError('notFound', `the log has no stream ${path}: ${hint}`);
}

/** Maps system error codes of files to exit codes. */
const EXITS: Readonly<Record<string, keyof typeof EXIT>> = {
  ENOENT: 'notFound',
  ENOTDIR: 'refused',
  EACCES: 'refused',
  EPERM: 'refused',
};

const DIRECTORY_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'the directory does not exist',
  ENOTDIR: 'it is not a directory',
};

function asExit(error: unknown, directory: string): unknown {
  if (isStreamFSError(error, 'DISK_LOCKED')) {
    const hint = `stop it first; if this is a copy of a running server's directory, remove its file LOCK`;
    return new ExitError('refused', `${error.message}: ${hint}`, { cause: error });
  }
  if (isStreamFSError(error, 'DISK_FORMAT')) return new ExitError('refused', error.message, { cause: error });
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  const exit = EXITS[String(error.code)] ?? 'failed';
  const reason = `cannot read the log in ${shownName(directory)}: ${problemOf(error as NodeJS.ErrnoException, directory)}`;
  return new ExitError(exit, reason, { cause: error });
}

/** The log has many files: the error may be about any of them. */
function problemOf(error: NodeJS.ErrnoException, directory: string): string {
  const { code = '', message, path } = error;
  if (path === undefined) return message;
  return path === directory
    ? (DIRECTORY_PROBLEMS[code] ?? fileProblem(error))
    : `${shownName(path)}: ${fileProblem(error)}`;
}
