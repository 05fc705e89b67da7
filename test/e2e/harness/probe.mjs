/**
 * Loaded into a server before its own code (`node --expose-gc --import`), to inspect it and to inject faults: answers over the
 * IPC channel, so that it uses no connection and no route of the server.
 */
import { closeSync, openSync } from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { inspect } from 'node:util';
import { queryObjects } from 'node:v8';
import { Stream } from '../../../dist/core/index.js';

const idle = setTimeout(() => undefined, 0);
const Timeout = idle.constructor;
clearTimeout(idle);

// Readers are published only as an interface, so their class is taken from an instance.
const reader = new Stream({ retention: 1, maxLag: 1 }).openReader();
const Reader = reader.constructor;
reader.close();

const KINDS = Object.entries({ Socket, IncomingMessage, ServerResponse, Timeout, Reader, Stream });

/**
 * A common prototype of all counted kinds. A heap query walks the whole heap and takes a tenth of a second, so one query
 * finds all instances; each reports its kind when it is inspected.
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

/** The number of live objects of each kind. */
function countObjects() {
  const objects = Object.fromEntries(KINDS.map(([name]) => [name, 0]));
  for (const name of queryObjects(Counted, { format: 'summary' })) {
    if (Object.hasOwn(objects, name)) objects[name] += 1;
  }
  return objects;
}

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

/** Captured at startup, since a stream keeps the function it was given. */
const RealDate = Date;
const systemNow = Date.now;
let shifted = 0;
Date.now = () => systemNow() + shifted;

const taken = [];

const COMMANDS = {
  /** What is alive after a full collection: objects of the counted kinds, and bytes. */
  async level() {
    for (let n = 0; n < 3; n++) {
      globalThis.gc();
      // Lets pending close notifications run.
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Node keeps a timer for the date of its responses, which exists for a part of each second. Writing a head creates it if it does
    // not exist, so that each query counts exactly one: nothing is awaited from here to the last count, so the timer cannot fire
    // in between. The response itself is of a counted kind, and collected.
    new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 }).writeHead(200);
    globalThis.gc();
    const objects = countObjects();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { objects, bytes: heapUsed + arrayBuffers };
  },
  /** Current bytes without a collection; event loop delays since the last sample, in milliseconds. */
  sample() {
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    const answer = { heapUsed, external, arrayBuffers, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
    delay.reset();
    return answer;
  },
  /** Opens files until the process has no descriptor left. */
  takeDescriptors() {
    try {
      for (;;) taken.push(openSync('/dev/null'));
    } catch {
      return taken.length;
    }
  },
  giveDescriptors() {
    for (const descriptor of taken.splice(0)) closeSync(descriptor);
  },
  /** Answers after some turns of the event loop: connections that were closed before the question are gone then. */
  async turn() {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
  },
  /** Blocks the event loop for this many milliseconds. */
  block(milliseconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
  /** Shifts the system clock as seen by the process by this many milliseconds, and nothing else. */
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
