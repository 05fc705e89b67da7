/**
 * Measures the scan for join points alone: the median time of a format for one chunk of 64 KiB, in microseconds.
 *
 * It is written in TypeScript and uses the sources, so it is bundled first:
 *
 *     npx rolldown bench/scan-time.ts --platform node --format esm --file /tmp/scan-time.mjs
 *     node /tmp/scan-time.mjs CONTAINER FILE ROUNDS        # such as: flac /tmp/small.flac 16
 *
 * FILE is output of ffmpeg, such as the content of the row `media` (join-points.mjs). The transport stream of low bit
 * rate is 640x360, `-b:v 600k -maxrate 600k -bufsize 600k -g 50 -c:a aac -b:a 128k`. For FLAC:
 *
 *     ffmpeg -f lavfi -i anoisesrc=color=pink:amplitude=0.3:sample_rate=44100 -frame_size 576 -t 300 /tmp/small.flac
 *     ffmpeg -f lavfi -i anoisesrc=color=pink:amplitude=0.1:sample_rate=44100 -ac 2 -t 1000 /tmp/long.flac
 */
import { readFileSync } from 'node:fs';
import { RingStream } from '../src/core/internal.ts';
import { formatFor } from '../src/media/index.ts';

const CHUNK_BYTES = 64 * 1024;
/** Rounds before the first measured one, in which V8 compiles the scanner. */
const WARM_UP_ROUNDS = 3;
const CLOCK_SAMPLES = 20_000;

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The time that reading the clock takes, in nanoseconds. */
function clockTime(): number {
  const one = () => -Number(process.hrtime.bigint() - process.hrtime.bigint());
  return median(Array.from({ length: CLOCK_SAMPLES }, one));
}

const [container, file, rounds] = process.argv.slice(2);
if (container === undefined || file === undefined || !(Number(rounds) > WARM_UP_ROUNDS)) {
  process.stderr.write(`usage: scan-time CONTAINER FILE ROUNDS, with more than ${WARM_UP_ROUNDS} rounds\n`);
  process.exit(2);
}
const bytes = readFileSync(file);
const chunk = Buffer.alloc(CHUNK_BYTES);
const clock = clockTime();
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const stream = new RingStream({ retention: 6e6, maxLag: 6e6 });
  const format = formatFor({ type: '', container }, stream);
  if (format === undefined) throw new Error(`no format is called ${container}`);
  for (let at = 0; at + CHUNK_BYTES <= bytes.length; at += CHUNK_BYTES) {
    chunk.set(bytes.subarray(at, at + CHUNK_BYTES));
    const start = process.hrtime.bigint();
    format.take(chunk, at);
    if (round >= WARM_UP_ROUNDS) times.push(Number(process.hrtime.bigint() - start) - clock);
    stream.append(chunk);
  }
}
process.stdout.write(`${container} ${(median(times) / 1000).toFixed(2)} µs\n`);
