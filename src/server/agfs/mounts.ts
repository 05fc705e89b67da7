/** Mounts and plugins (contract 74). All plugins are built in: no route loads code (contract 79). */

import { createError } from '../../errors/index.ts';
import { jsonOf } from '../http/json-body.ts';
import { sendJson, sendMessage } from '../http/respond.ts';
import { json, message } from '../http/responses.ts';
import type { Route } from '../http/route.ts';
import { field } from './parameters.ts';

export const listMounts: Route = {
  method: 'GET',
  pattern: '/api/v1/mounts',
  summary: 'Lists the mounts, including those that are pending or have failed.',
  permission: 'token',
  answers: [json(200, 'MountList', 'The mounts.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { caller, server } = exchange;
    const mounts = server.mounts.mounts().filter(({ path }) => caller?.reaches(path) ?? true);
    sendJson(exchange, 200, { mounts });
  },
};

export const mount: Route = {
  method: 'POST',
  pattern: '/api/v1/mount',
  summary: 'Mounts a plugin.',
  permission: 'admin somewhere',
  answers: [message(200, 'plugin mounted')],
  errors: [
    'MOUNT_EXISTS',
    'MOUNT_LIMIT',
    'UNKNOWN_FSTYPE',
    'PLUGIN_INVALID',
    'PLUGIN_FAILED',
    'CONFIG_INVALID',
    'DISK_FORMAT',
    'DISK_LOCKED',
    'LOG_REFUSED',
  ],
  parameters: [
    field('fstype', 'string', true, 'Name of the plugin, such as `streamfs`.'),
    field('path', 'string', true, 'Where to mount it.'),
    field('config', 'object', false, 'Its configuration.', '{}'),
  ],
  async handle(exchange) {
    const { server } = exchange;
    const body = await jsonOf(exchange);
    const fstype = body.requiredText('fstype');
    const path = body.requiredText('path');
    exchange.caller?.requireBelow('admin', path);
    await server.mounts.mount(fstype, path, body.object('config') ?? {});
    sendMessage(exchange, 200, 'plugin mounted');
  },
};

export const unmount: Route = {
  method: 'POST',
  pattern: '/api/v1/unmount',
  summary: 'Removes a mount: its streams end, its handles are closed.',
  permission: 'admin somewhere',
  answers: [message(200, 'plugin unmounted')],
  errors: ['MOUNT_NOT_FOUND'],
  parameters: [field('path', 'string', true, 'Where it is mounted.')],
  async handle(exchange) {
    const { server } = exchange;
    const body = await jsonOf(exchange);
    const path = body.requiredText('path');
    exchange.caller?.requireBelow('admin', path);
    await server.mounts.unmount(path);
    sendMessage(exchange, 200, 'plugin unmounted');
  },
};

export const listPlugins: Route = {
  method: 'GET',
  pattern: '/api/v1/plugins',
  summary: 'Lists the plugins, with their mounts and parameters.',
  permission: 'admin server',
  answers: [json(200, 'PluginList', 'The plugins.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    sendJson(exchange, 200, { plugins: exchange.server.mounts.plugins() });
  },
};

export const loadPlugin: Route = {
  method: 'POST',
  pattern: '/api/v1/plugins/load',
  summary: 'Always 501: this server never loads code from a request.',
  permission: 'token',
  answers: [],
  errors: ['PLUGINS_ARE_BUILT_IN'],
  parameters: [],
  body: 'ignored',
  handle: refuse,
};

export const unloadPlugin: Route = {
  method: 'POST',
  pattern: '/api/v1/plugins/unload',
  summary: 'Always 501: plugins are built in.',
  permission: 'token',
  answers: [],
  errors: ['PLUGINS_ARE_BUILT_IN'],
  parameters: [],
  body: 'ignored',
  handle: refuse,
};

async function refuse(): Promise<void> {
  throw createError('PLUGINS_ARE_BUILT_IN');
}
