/**
 * Measures one cell of the table once: starts a fresh server, runs the generator, and checks whether the result is
 * valid.
 */
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildNative } from './native.mjs';
import {
  end,
  family,
  freePort,
  GENERATOR_CORE,
  makeFolder,
  pinned,
  removeFolder,
  runToEnd,
  SERVER_CORE,
  start,
  whenListening,
} from './processes.mjs';

const NODE_GENERATOR = join(dirname(fileURLToPath(import.meta.url)), 'node-generator.mjs');
/** Timeout of a run, in milliseconds. */
const RUN_TIMEOUT_MS = 120_000;
/** Milliseconds that a server gets to settle after it listens. */
const SETTLE_MS = 400;

/** Whether the exact generator is used: without gcc a generator in Node replaces it, which uses more of the machine. */
export const generatorKind = () => (buildNative('generator') === undefined ? 'node' : 'native');

/**
 * Measures a target in a scenario. Returns the generator's facts with the figure, and the reason if the run is invalid.
 * @param {import('./targets/index.mjs').Target} target
 * @param {import('./scenarios.mjs').Scenario} scenario
 */
export async function measure(target, scenario) {
  const folder = makeFolder();
  let server;
  let service;
  try {
    const port = target.port ?? (await freePort());
    const servicePort = await freePort();
    if (target.service !== undefined) {
      service = start(pinned(GENERATOR_CORE, target.service(servicePort, folder)));
      await whenListening(servicePort, service);
    }
    if (target.command !== undefined) {
      server = start(pinned(SERVER_CORE, target.command(port, folder, servicePort)));
      await whenListening(port, server);
      await target.prepare?.(port);
      await delay(SETTLE_MS);
    }
    const pids = server === undefined ? [target.pid].filter(Boolean) : family(server.child.pid);
    const options = generatorOptions(target, scenario);
    const facts = await generate({ ...options, port, core: GENERATOR_CORE, server: pids.join(',') });
    return judge(facts, scenario, { ...options, holdsBack: target.holdsBack ?? 0 });
  } catch (error) {
    return { invalid: error.message };
  } finally {
    if (server !== undefined) await end(server);
    if (service !== undefined) await end(service);
    removeFolder(folder);
  }
}

function generatorOptions(target, scenario) {
  const { mode, write } = scenario;
  const protocol = target.protocol({ size: scenario.options.size, readers: scenario.options.readers, mode }, write);
  const options = { mode, ...scenario.options, ...protocol };
  // A writer of one long request, or one without responses, does not learn how many messages were processed.
  if (options.answer === undefined) options.depth = 0;
  return options;
}

async function generate(options) {
  const native = buildNative('generator');
  const command = native === undefined ? pinned(GENERATOR_CORE, [process.execPath, NODE_GENERATOR]) : [native];
  for (const [name, value] of Object.entries(options)) if (value !== '') command.push(`--${name}`, String(value));
  const text = await runToEnd(command, RUN_TIMEOUT_MS);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the generator said: ${text.slice(0, 200)}`);
  }
}

/** The faults that make a run invalid: lost, changed or duplicated bytes, disconnected readers. */
function judge(facts, scenario, options) {
  const problems = [];
  if (facts.error) problems.push(facts.error);
  if (facts.refusal) problems.push(`refused: ${facts.refusal.trim().slice(0, 60)}`);
  if (facts.refused > 0) problems.push(`${facts.refused} readers refused`);
  if (facts.lostBytes > options.holdsBack * options.readers) problems.push(`lost ${facts.lostBytes} bytes`);
  // If framing bytes surround each message, a counting reader cannot distinguish them from the start of a message.
  const slack = options.overhead > 0 ? options.size * options.readers : 0;
  if (facts.extraBytes > slack) problems.push(`${facts.extraBytes} bytes too many`);
  if (facts.corrupt > 0) problems.push(`${facts.corrupt} pieces changed`);
  if (facts.stray > 0) problems.push(`${facts.stray} stray bytes`);
  if (facts.disordered > 0) problems.push(`${facts.disordered} messages out of order`);
  if (facts.closed > 0) problems.push(`${facts.closed} readers dropped`);
  if (scenario.mode === 'fanout' && options.rate > 0 && facts.sentInTime < 0.97 * options.rate * facts.seconds) {
    problems.push(`keeps up with ${Math.round(facts.sentInTime / facts.seconds)}/s only`);
  }
  if (scenario.mode === 'idle' && facts.ready < options.readers) problems.push(`only ${facts.ready} readers connected`);
  const value = problems.length === 0 ? scenario.of(facts, options) : undefined;
  const more = problems.length === 0 ? scenario.more?.(facts, options) : undefined;
  return { ...facts, value, more, ...(problems.length > 0 ? { invalid: problems.join('; ') } : {}) };
}
