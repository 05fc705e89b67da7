/**
 * Loaded into a server before its own code (`node --import`), for the cost test: reports over the IPC channel the heap size
 * and the number of garbage collections. While nothing is collected, the growth of the heap is the number of bytes allocated.
 */
import { PerformanceObserver } from 'node:perf_hooks';

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

process.on('message', (command) => {
  if (command === 'collect') globalThis.gc();
  // Deferred, because the observer is notified only after a collection.
  setTimeout(() => process.send({ heapUsed: process.memoryUsage().heapUsed, collections }), 50);
});
process.channel.unref();
