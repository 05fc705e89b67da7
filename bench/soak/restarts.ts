/**
 * A second server that is restarted under load, alternately by SIGTERM and SIGKILL (contract 89). Acknowledged bytes
 * are never sent twice, bytes lost with the old process are reported by number, and each process has a part of the
 * source, in order and without a hole. With streams kept on disk nothing is lost: one stream survives all restarts.
 */
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient, type WriteLoss } from '../../src/client/index.ts';
import { acknowledgedFetch } from './acknowledged.ts';
import { content, isContent } from './content.ts';
import { startProxy } from './proxy.ts';
import { pause, type Run } from './run.ts';
import { KeptServer, startServer } from './server.ts';
import { WrongBytes } from './verify.ts';

const PATH = '/streamfs/restarts';
const FOLLOWERS = 5;
/** Bytes per second. */
const RATE = 100_000;
const LONGEST = 16 * 1024;
const RECONNECT = { initial: 20, max: 500 };

export async function restarts(run: Run): Promise<void> {
  await run.guard('restarts', async () => {
    const kept = run.options.persist ? new KeptServer() : undefined;
    let { server, port } = await startServer(kept?.config);
    const proxy = await startProxy(() => port);
    try {
      const source = new Source(run, proxy.port);
      const followers = Array.from({ length: FOLLOWERS }, (_, follower) =>
        run.guard(`follower ${follower} over restarts`, () => source.follow()),
      );
      const work = Promise.all([run.guard('writer over restarts', () => source.write()), ...followers]);
      for (let n = 0; !run.writing.signal.aborted; n++) {
        await pause(run.between(500, 5000), run.writing.signal);
        if (run.writing.signal.aborted) break;
        const signal = n % 2 === 0 ? 'SIGTERM' : 'SIGKILL';
        server.kill(signal);
        const { code, stderr } = await server.result();
        if (signal === 'SIGTERM' && code !== 0) throw new Error(`a server left with ${code} on SIGTERM`);
        if (stderr !== '') throw new Error(`a server said: ${stderr.slice(0, 2000)}`);
        await pause(run.between(0, 1000));
        ({ server, port } = await startServer(kept?.config));
        run.counts[signal]++;
      }
      await work;
    } finally {
      proxy.close();
      await server.end();
      kept?.remove();
    }
  });
}

/** The bytes that one writer writes, across all restarts of the server. */
class Source {
  private readonly run: Run;
  private readonly url: string;
  /** Bytes passed to the writer. */
  private handed = 0;
  /** Of these, bytes that were acknowledged. */
  private acknowledged = 0;
  /** The position in the source at which the stream of each generation begins. */
  private readonly starts = new Map<string, number>();
  /** The position at which the current stream begins. */
  private start = 0;

  constructor(run: Run, port: number) {
    this.run = run;
    this.url = `http://127.0.0.1:${port}`;
  }

  async write(): Promise<void> {
    const fetch = acknowledgedFetch(({ endOffset, generation }) => {
      if (!this.starts.has(generation)) this.starts.set(generation, this.start);
      this.acknowledged = this.start + endOffset;
    });
    const client = new StreamFSClient({ url: this.url, fetch });
    const { written, lost = 0 } = await client.write(PATH, this.messages(), {
      end: true,
      reconnect: RECONNECT,
      retryFor: 300_000,
      recreate: true,
      waitForServer: true,
      onLoss: (loss) => this.lost(loss),
    });
    if (written !== this.handed) throw new Error(`${this.handed} handed over, ${written} written`);
    if (this.acknowledged !== this.handed) throw new Error(`${this.handed} handed over, ${this.acknowledged} held`);
    if (lost !== this.start) throw new Error(`${lost} bytes said to be lost, the writer reported ${this.start}`);
    fetch.close();
  }

  private async *messages(): AsyncGenerator<Buffer> {
    const { run } = this;
    while (!run.writing.signal.aborted) {
      const bytes = content(0, this.handed, run.between(1, LONGEST));
      this.handed += bytes.length;
      run.counts.restartBytes += bytes.length;
      yield bytes;
      await pause((bytes.length / RATE) * 1000 * 2 * run.random(), run.writing.signal);
    }
  }

  /** The loss that the writer reports must equal the acknowledged bytes, exactly. */
  private lost({ lost, doubtful, written }: WriteLoss): void {
    if (this.run.options.persist) this.run.fail(`restarts: ${lost} bytes lost of a stream that is kept on disk`);
    if (written !== this.acknowledged || lost !== written - this.start || doubtful !== 0) {
      const reported = `${lost} lost, ${doubtful} doubtful, ${written} written`;
      this.run.fail(`restarts: reported ${reported}, where ${this.start} to ${this.acknowledged} was acknowledged`);
    }
    this.start = written;
    this.run.counts.restartLost += lost;
  }

  async follow(): Promise<void> {
    const fetch = createNodeFetch();
    const client = new StreamFSClient({ url: this.url, fetch });
    let generation: string | undefined;
    let offset = 0;
    for await (const record of client.follow(PATH, { reconnect: RECONNECT, waitForServer: true })) {
      if (record.type === 'open') generation ??= record.generation;
      else if (record.type === 'recreated') {
        // A stream that readers wait for is not persisted before its first write.
        if (this.run.options.persist && offset > 0)
          throw new WrongBytes('another generation of a stream that is kept on disk');
        if (record.lastOffset !== offset) throw new WrongBytes(`read to ${offset}, reported ${record.lastOffset}`);
        ({ generation } = record);
        offset = 0;
        this.run.counts.recreated++;
      } else if (record.type === 'gap') {
        if (record.from !== offset) throw new WrongBytes(`a gap from ${record.from}, where ${offset} is next`);
        offset = record.to;
      } else if (record.type === 'data') {
        const start = this.startOf(generation);
        if (record.offset !== offset || !isContent(0, start + offset, record.data)) {
          const what = `${record.data.length} bytes at ${record.offset}`;
          throw new WrongBytes(`${what} are not those of the source at ${start} + ${offset}`);
        }
        offset += record.data.length;
      } else if (record.type === 'end') {
        const end = this.startOf(generation) + offset;
        if (record.reason !== 'ended' || end !== this.handed)
          throw new Error(`lost: ${record.reason} at ${end} of ${this.handed}`);
      }
    }
    fetch.close();
  }

  /** The writer reports a stream before anything is written to it. */
  private startOf(generation: string | undefined): number {
    const start = this.starts.get(generation ?? '');
    if (start === undefined) throw new WrongBytes(`bytes of generation ${generation}, which is not the writer's`);
    return start;
  }
}
