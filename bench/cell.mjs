/** One cell of the table, once: a fresh server, the generator, and whether what came out can be believed. */
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
/** Milliseconds after which a run is given up. */
const LIMIT = 120_000;
/** Milliseconds a server gets to settle once it listens. */
const SETTLE = 400;

/** Whether the exact generator is used: without gcc it is one in Node, which takes more than its share of the machine. */
export const generatorKind = () => (buildNative('generator') === undefined ? 'node' : 'native');

/**
 * Measures a target in a scenario. Gives the generator's facts with the figure and, where the run must not count, why.
 * @param {import('./targets/index.mjs').Target} target
 * @param {import('./scenarios.mjs').Scenario} scenario
 */
export async function measure(target, scenario) {
  const folder = makeFolder();
  let server;
  let beside;
  try {
    const port = target.port ?? (await freePort());
    const besidePort = await freePort();
    if (target.beside !== undefined) {
      beside = start(pinned(GENERATOR_CORE, target.beside(besidePort, folder)));
      await whenListening(besidePort, beside);
    }
    if (target.command !== undefined) {
      server = start(pinned(SERVER_CORE, target.command(port, folder, besidePort)));
      await whenListening(port, server);
      await target.prepare?.(port);
      await delay(SETTLE);
    }
    const pids = server === undefined ? [target.pid].filter(Boolean) : family(server.child.pid);
    const options = generatorOptions(target, scenario);
    const facts = await generate({ ...options, port, core: GENERATOR_CORE, server: pids.join(',') });
    return judge(facts, scenario, { ...options, holdsBack: target.holdsBack ?? 0 });
  } catch (error) {
    return { invalid: error.message };
  } finally {
    if (server !== undefined) await end(server);
    if (beside !== undefined) await end(beside);
    removeFolder(folder);
  }
}

function generatorOptions(target, scenario) {
  const { mode, write } = scenario;
  const protocol = target.protocol({ size: scenario.options.size, readers: scenario.options.readers, mode }, write);
  const options = { mode, ...scenario.options, ...protocol };
  // Nothing tells a writer of one long request how far it is, nor one that gets no answers.
  if (options.answer === undefined) options.depth = 0;
  return options;
}

async function generate(options) {
  const native = buildNative('generator');
  const command = native === undefined ? pinned(GENERATOR_CORE, [process.execPath, NODE_GENERATOR]) : [native];
  for (const [name, value] of Object.entries(options)) if (value !== '') command.push(`--${name}`, String(value));
  const text = await runToEnd(command, LIMIT);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the generator said: ${text.slice(0, 200)}`);
  }
}

/** What makes a run worthless: bytes that were lost, changed or doubled, readers that were dropped. */
function judge(facts, scenario, options) {
  const problems = [];
  if (facts.error) problems.push(facts.error);
  if (facts.refusal) problems.push(`refused: ${facts.refusal.trim().slice(0, 60)}`);
  if (facts.refused > 0) problems.push(`${facts.refused} readers refused`);
  if (facts.lostBytes > options.holdsBack * options.readers) problems.push(`lost ${facts.lostBytes} bytes`);
  // Where bytes stand around each message, a counting reader cannot tell them from a message that has begun.
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
