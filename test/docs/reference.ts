/**
 * Generates the reference from the code: no flag, route, default or code is written down twice, so none can be wrong.
 * `npm run docs` writes the result; a test fails while the committed pages differ.
 */
import type { Command } from 'commander';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { Messages } from '../../src/cli/io.ts';
import { buildProgram, documentedCommands } from '../../src/cli/program.ts';
import { VALUES } from '../../src/cli/values.ts';
import { VARIABLES } from '../../src/cli/variables.ts';
import { configSchema } from '../../src/config/index.ts';
import { MAX_CHUNK, MAX_OFFSET } from '../../src/core/index.ts';
import { ERRORS } from '../../src/errors/index.ts';
import { DEFAULT_LEASE, MAX_LEASE, MAX_PART_BYTES } from '../../src/fs/index.ts';
import { builtinPlugins } from '../../src/plugins/index.ts';
import { HEADER_USES, type HeaderUse, LISTED_CONTENT_TYPES } from '../../src/protocol/index.ts';
import { FEATURES, ROUTES, type Route, type RouteParameter } from '../../src/server/index.ts';
import { formatDuration, formatSize, MAX_DURATION, MAX_SIZE } from '../../src/units/index.ts';
import { defaultMounts } from './defaults.ts';
import { code, plain, table } from './markdown.ts';
import { silentIo } from './silent-io.ts';

/** The tree of commands, as the program builds it. */
export function commands(): Command {
  const io = silentIo();
  return buildProgram(io, new Messages(io)).command;
}

// ── pieces, which written pages and the reference share ─────────────────────────────────────────────────────────────────

function commandTable(): string {
  return table(
    ['command', 'what it does'],
    documentedCommands(commands()).map((command) => [code(usageOf(command)), plain(command.description())]),
  );
}

function exitTable(): string {
  return table(
    ['code', 'meaning'],
    Object.values(EXIT).map((exit) => [String(exit.code), exit.meaning]),
  );
}

function variableTable(): string {
  return table(
    ['variable', 'meaning'],
    VARIABLES.map(({ names, meaning }) => [names.map(code).join(', '), meaning]),
  );
}

/** Keys of `server`, from the schema that validates them. */
function serverTable(): string {
  return table(['key', 'default', 'meaning'], keyRows('server', property(schema(), 'server')));
}

/** A line for each key, also for those of nested sections. */
function keyRows(section: string, of: Properties): string[][] {
  return Object.entries(property(of)).flatMap(([key, facts]) => {
    const name = `${section}.${key}`;
    if ('properties' in facts) return keyRows(name, facts as unknown as Properties);
    const { anyOf = [] } = facts as Partial<Alternatives>;
    // A section that may also be turned off.
    const mapping = anyOf.find((one) => 'properties' in one);
    const shown = mapping === undefined ? String(facts.default ?? '') : '';
    const own = [code(name), shown === '' ? '' : code(shown), textOf(facts)];
    return mapping === undefined ? [own] : [own, ...keyRows(name, mapping as unknown as Properties)];
  });
}

function instanceTable(): string {
  const { anyOf } = property(schema(), 'plugins') as unknown as { anyOf: [{ additionalProperties: Alternatives }] };
  const [one] = anyOf[0].additionalProperties.anyOf;
  const rows = Object.entries(property(one)).map(([key, facts]) => [
    code(key),
    facts.default === undefined ? '' : code(JSON.stringify(facts.default)),
    textOf(facts),
  ]);
  return table(['key', 'default', 'meaning'], rows);
}

function mountTable(): string {
  return table(
    ['plugin', 'path', 'what it is'],
    defaultMounts().map(({ plugin, path }) => [code(plugin), code(path), firstLine(plugin)]),
  );
}

function pluginTable(name: string): string {
  const plugin = builtinPlugins.find((candidate) => candidate.name === name);
  if (plugin === undefined) throw new Error(`no plugin ${name}`);
  return table(
    ['parameter', 'type', 'default', 'meaning'],
    plugin.configParameters.map((parameter) => [
      code(parameter.name),
      parameter.type,
      parameter.default === '' ? '' : code(parameter.default),
      parameter.description,
    ]),
  );
}

const PLACES = { request: 'requests', response: 'responses', trailer: 'trailers' } as const;

function headerTable(): string {
  const rows = Object.entries<HeaderUse>(HEADER_USES).map(([name, use]) => [
    code(name),
    use.in.map((place) => PLACES[place]).join(', '),
    use.meaning,
  ]);
  return table(['header', 'in', 'meaning'], rows);
}

/** The generated parts of written pages, by the name in their marks. */
export const PIECES: Readonly<Record<string, () => string>> = {
  commands: commandTable,
  'exit codes': exitTable,
  headers: headerTable,
  mounts: mountTable,
  'server keys': serverTable,
  'streamfs parameters': () => pluginTable('streamfs'),
  variables: variableTable,
};

/** A written page with every part between `<!-- generated: NAME -->` and `<!-- end -->` regenerated. */
export function withPieces(markdown: string): string {
  return markdown.replace(/<!-- generated: ([\w ]+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const make = PIECES[name];
    if (make === undefined) throw new Error(`nothing is called ${name}: ${Object.keys(PIECES).join(', ')}`);
    return `<!-- generated: ${name} -->\n\n${make()}\n\n<!-- end -->`;
  });
}

// ── the reference ────────────────────────────────────────────────────────────────────────────────────────────────

export function reference(): string {
  return `${[
    '# Reference',
    '<!-- Made from the code by `npm run docs`. Do not edit. -->',
    'Every command, key, parameter, route, code and limit of this version. Their purpose is explained in [the command line](command-line.md), [configuration](configuration.md) and [the protocol](protocol.md).',
    commandLine(),
    configuration(),
    plugins(),
    routes(),
    errors(),
    contentTypes(),
    limits(),
  ].join('\n\n')}\n`;
}

function commandLine(): string {
  const program = commands();
  const parts = [
    '## Command line',
    'Options of all commands:',
    optionTable(program),
    ...documentedCommands(program).flatMap((command) => [
      `### ${code(`streamfs ${command.name()}`)}`,
      plain(`${capital(command.description())}.`),
      `Usage: ${code(`streamfs ${usageOf(command)}`)}`,
      ...(command.options.length === 0 ? [] : [optionTable(command)]),
      examplesOf(command.name()),
    ]),
    '### Values',
    table(
      ['value', 'meaning'],
      VALUES.map(({ name, meaning }) => [code(`<${name}>`), plain(meaning)]),
    ),
    '### Exit codes',
    exitTable(),
  ];
  return parts.join('\n\n');
}

function examplesOf(name: string): string {
  const lines = (EXAMPLES[name] ?? []).flatMap(({ line, does }) => [`# ${does}.`, line]);
  return ['```sh', ...lines, '```'].join('\n');
}

function optionTable(command: Command): string {
  const rows = command.options.map((option) => {
    const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.map(code).join(', ')}`;
    return [code(option.flags), plain(option.description) + choices];
  });
  return table(['option', 'meaning'], rows);
}

function usageOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.argChoices?.join('|') ?? argument.name();
    const dots = argument.variadic ? '...' : '';
    return argument.required ? `<${name}${dots}>` : `[${name}${dots}]`;
  });
  const options = command.options.length === 0 ? [] : ['[options]'];
  return [command.name(), ...options, ...words].join(' ');
}

function configuration(): string {
  return [
    '## Configuration',
    'A file in YAML or TOML. Sizes are bytes, or a number with a unit B, KB, MB, GB or TB (1 KB = 1024 bytes). Durations are seconds, or a number with a unit ms, s, m or h.',
    serverTable(),
    '`plugins` maps the name of a plugin to one instance or to a list of them, or is a list of instances that name their plugin with `plugin` or `name`. An instance:',
    instanceTable(),
    'Without `plugins`, these are mounted:',
    mountTable(),
  ].join('\n\n');
}

function plugins(): string {
  return [
    '## Plugins',
    ...builtinPlugins.flatMap((plugin) => [`### ${code(plugin.name)}`, pluginTable(plugin.name)]),
  ].join('\n\n');
}

function routes(): string {
  const overview = table(
    ['route', 'needs', 'what it does'],
    ROUTES.map((route) => [
      code(nameOf(route)),
      code(route.permission) + (route.link === undefined ? '' : ', or a link'),
      plain(route.summary),
    ]),
  );
  const parts = ROUTES.filter((route) => route.parameters.length > 0).flatMap((route) => [
    `### ${code(nameOf(route))}`,
    parameterTable(route.parameters),
  ]);
  const features = FEATURES.map(code).join(', ');
  const named = `Features named by \`GET /api/v1/capabilities\`: ${features}.`;
  return ['## Routes', overview, named, 'Below are the routes that take parameters.', ...parts].join('\n\n');
}

function nameOf(route: Route): string {
  return `${route.method} ${route.pattern}`;
}

function parameterTable(parameters: readonly RouteParameter[]): string {
  return table(
    ['parameter', 'in', 'type', 'default', 'meaning'],
    parameters.map((parameter) => [
      code(parameter.name),
      parameter.in,
      parameter.type,
      parameter.required ? 'required' : parameter.default === undefined ? '' : code(parameter.default),
      parameter.description,
    ]),
  );
}

function errors(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, text }]) => [code(name), String(status), code(text)]);
  return [
    '## Error codes',
    'An error is `{"error": "text", "code": "CODE"}` with the status of the code. Placeholders in braces are filled in.',
    table(['code', 'status', 'text'], rows),
  ].join('\n\n');
}

function contentTypes(): string {
  const kinds = ['application', 'text', 'audio', 'image', 'video'];
  const rows = kinds.map((kind) =>
    LISTED_CONTENT_TYPES.filter((type) => type.startsWith(`${kind}/`))
      .map(code)
      .join(', '),
  );
  return [
    '## Content types',
    'Allowed values of the setting `type` of a stream:',
    rows.map((row) => `- ${row}`).join('\n'),
  ].join('\n\n');
}

function limits(): string {
  const rows = [
    ['largest chunk', formatSize(MAX_CHUNK)],
    ['largest offset of a stream', `${MAX_OFFSET} (2^53 - 1)`],
    ['largest size that can be configured', formatSize(MAX_SIZE)],
    ['longest duration that can be configured', formatDuration(MAX_DURATION)],
    ['longest part of a path', `${MAX_PART_BYTES} bytes of UTF-8`],
    ['lease of a handle', `${DEFAULT_LEASE} s, at most ${MAX_LEASE} s`],
  ];
  return ['## Limits', table(['what', 'limit'], rows)].join('\n\n');
}

// ── the configuration's schema ───────────────────────────────────────────────────────────────────────────────────

interface Facts {
  default?: unknown;
  description?: string;
  enum?: readonly string[];
}

interface Alternatives {
  anyOf: readonly [Properties];
}

interface Properties {
  properties: Readonly<Record<string, Facts>>;
}

function schema(): Properties {
  return configSchema() as unknown as Properties;
}

function property(of: Properties): Readonly<Record<string, Facts>>;
function property(of: Properties, name: string): Properties;
function property(of: Properties, name?: string): unknown {
  return name === undefined ? of.properties : of.properties[name];
}

function textOf({ description = '', enum: values }: Facts): string {
  return values === undefined ? description : `${description} One of ${values.map(code).join(', ')}.`;
}

// ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The description in a plugin's own readme. */
function firstLine(name: string): string {
  const line = builtinPlugins.find((plugin) => plugin.name === name)?.readme.split('\n')[0] ?? '';
  return line.slice(line.indexOf(' - ') + 3);
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
