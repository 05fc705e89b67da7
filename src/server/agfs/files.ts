/** Creating and removing files. */

import { sendMessage } from '../http/respond.ts';
import { CREATION_ERRORS, message } from '../http/responses.ts';
import type { Exchange, Route } from '../http/route.ts';
import { optional, PATH } from './parameters.ts';
import { ATOMIC_SETTING, SETTINGS, settingsOf } from './stream-settings.ts';

export const createFile: Route = {
  method: 'POST',
  pattern: '/api/v1/files',
  summary: 'Creates an empty file or stream.',
  permission: 'write',
  answers: [message(201, 'file created')],
  errors: CREATION_ERRORS,
  parameters: [PATH, ...SETTINGS, ATOMIC_SETTING],
  insteadOfBody: 'to write it, use PUT /api/v1/files?path=…',
  async handle(exchange) {
    const { caller, query, server } = exchange;
    await server.mounts.create(query.path(), { settings: settingsOf(query), ...caller?.creating });
    sendMessage(exchange, 201, 'file created');
  },
};

export const removeFile: Route = {
  method: 'DELETE',
  pattern: '/api/v1/files',
  summary: 'Removes a file or directory. A stream ends first: its readers get the remaining bytes, then the end.',
  permission: 'admin',
  answers: [message(200, 'deleted')],
  errors: ['DIRECTORY_NOT_EMPTY', 'ROOT_IS_FIXED', 'MOUNT_IS_FIXED'],
  parameters: [PATH, optional('recursive', 'boolean', 'Remove a directory with everything in it.', 'false')],
  handle: remove,
};

export const removeDirectory: Route = {
  ...removeFile,
  pattern: '/api/v1/directories',
  summary: 'The same as DELETE /files.',
};

async function remove(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  const path = query.path();
  if (query.boolean('recursive') ?? false) await server.mounts.removeAll(path);
  else await server.mounts.remove(path);
  sendMessage(exchange, 200, 'deleted');
}
