/** A soak: all kinds of load at once for a given time, every byte compared with the written one. */

import { startCutter } from './cutter.ts';
import { ask, closeKept } from './http.ts';
import { mixedLines } from './mixed-lines.ts';
import { read, readerKind, shortLives } from './readers.ts';
import { descriptorsLeft, descriptorsOf, report, within } from './report.ts';
import { restarts } from './restarts.ts';
import { type Options, pause, Run } from './run.ts';
import { type SoakSample, sample, trend } from './samples.ts';
import { KeptServer, type Level, MAIN, startServer, untilGone } from './server.ts';
import { silentWriters } from './silent.ts';
import { write, writerKind } from './writers.ts';

/** How long readers may take to reach the end once writing has stopped, in milliseconds. */
const DRAIN_TIMEOUT_MS = 60_000;

/** Runs one, and returns whether it succeeded. */
export async function soak(options: Options): Promise<boolean> {
  const kept = options.persist ? new KeptServer() : undefined;
  const { server, port } = await startServer(kept?.config);
  const run = new Run(options, server, port);
  const samples: SoakSample[] = [];
  try {
    await ask(port, 'GET', '/health');
    const before = await server.ask<Level>('level');
    const descriptors = descriptorsOf(server.pid);
    const cutter = await startCutter(run);
    const means = { main: MAIN, cutter: cutter.port };
    const writers = Array.from({ length: options.streams }, (_, stream) => write(run, stream, means));
    const readers: Promise<void>[] = [];
    const open = new Set<number>();
    const begin = (reader: number) => {
      open.add(reader);
      readers.push(read(run, reader, means).finally(() => open.delete(reader)));
    };
    // Not all at once: some join when there is already history.
    const joining = (async () => {
      for (let reader = 0; reader < options.readers; reader++) {
        begin(reader);
        if (reader % 20 === 19) await pause(Math.min(20, (options.seconds * 200) / options.readers));
      }
    })();
    const others = [
      shortLives(run, 'a'),
      shortLives(run, 'b'),
      mixedLines(run, means),
      silentWriters(run),
      restarts(run),
    ];
    const until = performance.now() + options.seconds * 1000;
    while (performance.now() < until && run.failures.length === 0 && server.isRunning) {
      await pause(1000);
      samples.push(await sample(server));
      if (samples.length % 10 === 0) report(run, samples);
    }
    if (!server.isRunning) {
      const { code, signal } = await server.exited;
      throw new Error(`the server left with ${code ?? signal}: ${server.stderr.text}`);
    }
    await joining;
    run.joining.abort();
    await pause(100);
    run.writing.abort();
    await within(DRAIN_TIMEOUT_MS, Promise.all([...writers, ...others]), () =>
      run.fail('writers did not come to their end'),
    );
    await within(DRAIN_TIMEOUT_MS, Promise.all(readers), () => {
      for (const reader of [...open].slice(0, 20))
        run.fail(`reader ${reader} (${readerKind(run, reader)}) is lost: it never saw the end`);
    });
    cutter.close();
    closeKept();
    report(run, samples);

    for (const [name, values] of [
      ['resident memory', samples.map(({ rss }) => rss)] as const,
      ['memory held', samples.map(({ held }) => held)] as const,
    ]) {
      const grows = trend(name, values);
      if (grows !== undefined) run.fail(grows);
    }
    for (let stream = 0; stream < options.streams; stream++) {
      const { body } = await ask(port, 'GET', `/stat?path=${run.pathOf(stream)}`);
      const { size, meta } = JSON.parse(body.toString()) as { size: number; meta: { Content: Record<string, string> } };
      if (size !== run.written[stream])
        run.fail(`stream ${stream} (${writerKind(run, stream)}) holds ${size}, written were ${run.written[stream]}`);
      if (meta.Content.active_readers !== '0')
        run.fail(`stream ${stream} still has ${meta.Content.active_readers} readers`);
    }
    for (const path of ['/streamfs/soak', '/lines/mixed', '/silent/all'])
      await ask(port, 'DELETE', `/files?path=${path}&recursive=true`);
    closeKept();
    // Handles that were not closed are closed by the server.
    for (const left of await untilGone(server, before)) run.fail(`left behind in the server: ${left}`);
    const unclosed = await descriptorsLeft(server.pid, descriptors);
    if (unclosed > 0) run.fail(`${unclosed} descriptors left behind`);
    const log = server.stderr.text;
    if (log !== '') run.fail(`the server logged: ${log.slice(0, 2000)}`);
  } catch (error) {
    run.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await server.end();
    kept?.remove();
  }
  for (const failure of run.failures) process.stdout.write(`FAILED: ${failure}\n`);
  process.stdout.write(run.failures.length === 0 ? 'soak: passed\n' : `soak: failed (seed ${options.seed})\n`);
  return run.failures.length === 0;
}
