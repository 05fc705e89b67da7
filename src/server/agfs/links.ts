/** Creates signed links. `auth/links.ts` verifies a link when it is used. */

import { createError } from '../../errors/index.ts';
import { LINK_RIGHTS } from '../auth/index.ts';
import { jsonOf } from '../http/json-body.ts';
import { sendJson } from '../http/respond.ts';
import { json } from '../http/responses.ts';
import type { Route } from '../http/route.ts';
import { field } from './parameters.ts';

export const createLink: Route = {
  method: 'POST',
  pattern: '/api/v1/links',
  summary: 'Makes a URL that allows reading or writing one path without a token for a limited time.',
  permission: 'link somewhere',
  answers: [json(200, 'Link', 'The link, without the name of the server.')],
  errors: ['NO_LINKS'],
  parameters: [
    field('path', 'string', true, 'Absolute path of the file or stream. It need not exist.'),
    field('right', 'string', false, '`read` or `write`; the token must have this right at the path.', 'read', {
      values: LINK_RIGHTS,
    }),
    field(
      'expires_in',
      'duration',
      false,
      'How long the link is valid: seconds, or a text such as `"5m"`; 1s to `server.links.max_lifetime`.',
      '1h',
    ),
  ],
  async handle(exchange) {
    const { caller, server } = exchange;
    const { links } = server;
    const body = await jsonOf(exchange);
    const path = server.mounts.normal(body.requiredText('path'));
    const right = body.oneOf('right', LINK_RIGHTS) ?? 'read';
    const lifetime = body.duration('expires_in');
    if (caller === undefined || links === undefined) throw createError('NO_LINKS');
    caller.require([right], path);
    const { expires, signature } = links.sign(caller, right, path, lifetime);
    // A query may contain unencoded slashes, which are easier to read.
    const named = `path=${encodeURIComponent(path).replaceAll('%2F', '/')}${right === 'read' ? '&stream=true' : ''}`;
    sendJson(exchange, 200, {
      url: `/api/v1/files?${named}&expires=${expires}&signature=${signature}`,
      path,
      right,
      expires_at: new Date(expires * 1000).toISOString(),
    });
  },
};
