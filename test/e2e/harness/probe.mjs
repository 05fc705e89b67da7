/**
 * Loaded into a server before its own code (`node --expose-gc --import`), to look into it and to do to it what the
 * world does: answers over the IPC channel, so that no connection and no route of the server is touched.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { inspect } from 'node:util';
import { queryObjects } from 'node:v8';
import { Stream } from '../../../dist/core/index.js';

const idle = setTimeout(() => undefined, 0);
const Timeout = idle.constructor;
clearTimeout(idle);

// Readers are published as an interface.
const reader = new Stream({ retention: 1, maxLag: 1 }).openReader();
const Reader = reader.constructor;
reader.close();

const KINDS = Object.entries({ Socket, IncomingMessage, ServerResponse, Timeout, Reader, Stream });

/**
 * What all counted kinds inherit from here. To look for one kind walks the whole heap and takes a tenth of a second, so
 * they are looked for together, as what inherits from this; each says its kind when it is shown.
 */
class Counted {}
const shownAs = (kind, name) => Object.defineProperty(kind.prototype, inspect.custom, { value: () => name });
shownAs(Counted, '');
for (const [name, kind] of KINDS) {
  shownAs(kind, name);
  let top = kind.prototype;
  for (let above = top; above !== null && above !== Object.prototype; above = Object.getPrototypeOf(above)) top = above;
  if (top !== Counted.prototype) Object.setPrototypeOf(top, Counted.prototype);
}

/** How many of each kind are alive. */
function countObjects() {
  const objects = Object.fromEntries(KINDS.map(([name]) => [name, 0]));
  for (const name of queryObjects(Counted, { format: 'summary' })) {
    if (Object.hasOwn(objects, name)) objects[name] += 1;
  }
  return objects;
}

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

/** From the beginning, since a stream keeps the function it was given. */
const RealDate = Date;
const systemNow = Date.now;
let shifted = 0;
Date.now = () => systemNow() + shifted;

const COMMANDS = {
  /** What is alive: objects of the kinds above, and bytes, when all that can be collected has been. */
  async level() {
    for (let n = 0; n < 3; n++) {
      globalThis.gc();
      // What is waiting to be told that it is closed has its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Node keeps a timer for the date of its answers, which is there for a part of each second. Writing a head makes it
    // where it is not, so that each look counts exactly one: from here to the last count nothing is awaited, so it cannot
    // fire in between. The answer itself is of a counted kind, and collected.
    new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 }).writeHead(200);
    globalThis.gc();
    const objects = countObjects();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { objects, bytes: heapUsed + arrayBuffers };
  },
  /** Bytes now, nothing collected; delays of the event loop since it was last asked, in milliseconds. */
  sample() {
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    const answer = { heapUsed, external, arrayBuffers, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
    delay.reset();
    return answer;
  },
  /** Does nothing at all for so many milliseconds. */
  block(milliseconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
  /** Sets the clock by so many milliseconds: what the system says of the time of day, and nothing else. */
  shift(milliseconds) {
    shifted = milliseconds;
    globalThis.Date = class SetDate extends RealDate {
      constructor(...given) {
        super(...(given.length === 0 ? [RealDate.now()] : given));
      }
    };
  },
};

process.on('message', async ({ id, command, value }) => {
  process.send({ id, answer: await COMMANDS[command](value) });
});
process.channel.unref();
