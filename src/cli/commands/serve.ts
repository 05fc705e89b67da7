import { stat } from 'node:fs/promises';
import type { App } from '../../app/index.ts';
import type { LogFormat } from '../../config/index.ts';
import { isStreamFSError } from '../../errors/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, exitCodeOf, UsageError } from '../exit-codes.ts';
import { invocation } from '../invocation.ts';

interface Options {
  config?: string | undefined;
  addr?: string | undefined;
  /** Bytes. */
  maxMemory?: number | undefined;
  logFormat?: LogFormat | undefined;
  auth: boolean;
  printSampleConfig?: boolean | undefined;
}

/** `streamfs serve`: runs a server until it is asked to stop; then every stream ends cleanly (contract 28). */
export async function serve(context: CommandContext, options: Options): Promise<number> {
  const { sampleConfig, startApp } = await import('../../app/index.ts');
  if (options.printSampleConfig) {
    await context.output.write(sampleConfig(), context.signal);
    return EXIT.ok.code;
  }
  if (context.global.json) throw new UsageError('serve has no --json: use --log-format json for a log in JSON');
  const ofVariable = context.io.env.STREAMFS_CONFIG;
  const configFile = options.config ?? (ofVariable || (await presentConfig()));
  // SIGHUP ends a process without a handler for it, so the handler is installed before startup.
  let app: App | undefined;
  let hungUp = false;
  const onHangUp = () => {
    hungUp = true;
    if (app !== undefined) reloadConfig(app, configFile);
  };
  process.on('SIGHUP', onHangUp);
  try {
    app = await startApp({
      signal: context.signal,
      configFile,
      address: options.addr,
      maxMemory: options.maxMemory,
      logFormat: options.logFormat,
      ...(options.auth ? {} : { noAuth: true }),
    });
    if (hungUp) reloadConfig(app, configFile);
    if (context.chatty) await greet(context, app);
    await aborted(context.signal);
  } catch (error) {
    // The process that started this one may have closed its output: the server continues without printing.
    if (exitCodeOf(error) !== EXIT.brokenPipe.code) {
      const from = options.config === undefined ? ofVariable && 'STREAMFS_CONFIG' : '--config';
      throw from ? withSource(error, from) : error;
    }
    await aborted(context.signal);
  } finally {
    process.off('SIGHUP', onHangUp);
    await app?.shutdown();
  }
  return EXIT.ok.code;
}

/** An error about the configuration file as a whole, such as its absence, says which option or variable named it. */
function withSource(error: unknown, from: string): unknown {
  if (!isStreamFSError(error, 'CONFIG_INVALID')) return error;
  const { file, line, key } = error.details;
  const isAboutFile = file !== undefined && line === undefined && key === undefined;
  return isAboutFile ? new UsageError(`${from}: ${error.message}`, { cause: error }) : error;
}

/** Handles SIGHUP. Without a configuration file it only logs a warning. */
function reloadConfig(app: App, configFile: string | undefined): void {
  if (configFile === undefined) {
    app.logger.warn('SIGHUP is ignored: there is no configuration file to read again');
    return;
  }
  app.reload().catch((error: unknown) => app.logger.error('the configuration is unchanged', { error: String(error) }));
}

/** Read from the working directory if no other configuration is named (contract 92). */
const DEFAULT_CONFIG_FILE = 'config.yaml';

async function presentConfig(): Promise<string | undefined> {
  try {
    await stat(DEFAULT_CONFIG_FILE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  }
  // A file that exists but cannot be read is reported when it is read.
  return DEFAULT_CONFIG_FILE;
}

/** Prints the address, the web page, and two commands to try, on a mount that works. */
async function greet(context: CommandContext, { url, pageUrl, mounts }: App): Promise<void> {
  await context.print(`StreamFS is listening on ${url}`);
  if (pageUrl !== undefined) await context.print(`  page:  ${pageUrl}`);
  const streams = mounts.mounts().find(({ pluginName, status }) => pluginName === 'streamfs' && status === 'mounted');
  if (streams === undefined) return;
  const path = `${streams.path === '/' ? '' : streams.path}/hello`;
  const at = url === 'http://127.0.0.1:8080' ? '' : `--url ${url} `;
  const name = invocation(process.argv[1] ?? 'streamfs', context.io.env);
  await context.print(`  read:  ${name} ${at}cat --stream ${path}`);
  await context.print(`  write: date | ${name} ${at}write --stream ${path}`);
}

/** Waits for the signal. The server's sockets keep the process alive meanwhile. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
