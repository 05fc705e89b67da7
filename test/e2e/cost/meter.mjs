/**
 * Loaded into a server before its own code (`node --import`), for the cost guard: tells over the IPC channel how much
 * the heap holds and how often garbage was collected. While nothing is collected, what the heap gained is what was
 * allocated.
 */
import { PerformanceObserver } from 'node:perf_hooks';

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

process.on('message', (command) => {
  if (command === 'collect') globalThis.gc();
  // Later: the observer is told of a collection after it.
  setTimeout(() => process.send({ heapUsed: process.memoryUsage().heapUsed, collections }), 50);
});
process.channel.unref();
