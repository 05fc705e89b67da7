/**
 * Request bodies on routes that take none. A body with content is refused rather than ignored, since the client meant
 * something by it. An empty JSON value is accepted, because some clients send one with every request.
 */

import type { IncomingMessage } from 'node:http';
import { createError, type StreamFSError } from '../../errors/index.ts';
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import { askForBody } from '../ingest/expectation.ts';
import { bodyBrokeOff, bodyTimeout } from '../ingest/receive.ts';
import { isBroken } from '../net/index.ts';
import { hasBody } from './message-rules.ts';
import type { Route } from './route.ts';
import { shorten } from './shorten.ts';

/** Maximum number of bytes that are read to find out whether a body is empty. */
const MAX_READ_BYTES = 64;

const EMPTY_VALUE = /^\s*(?:\{\s*\}|\[\s*\]|null)?\s*$/;

const IDENTITY = /^\s*identity\s*(?:,\s*identity\s*)*$/i;

/** Whether the content type of a request is JSON. */
export function isJson(req: IncomingMessage): boolean {
  return (req.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() === JSON_MEDIA_TYPE;
}

/**
 * @param idle milliseconds for which a body may stall; 0: for ever
 * @throws CONTENT_CODING, BODY_NOT_USED; BODY_BROKE_OFF and BODY_TIMEOUT if the body has to be read
 */
export async function checkBody(req: IncomingMessage, route: Route, idle: number): Promise<void> {
  if (!hasBody(req)) return;
  const coding = req.headers['content-encoding'];
  if (coding !== undefined && !IDENTITY.test(coding)) throw createError('CONTENT_CODING', { coding: shorten(coding) });
  if (takesBody(route)) return;
  const length = req.headers['content-length'];
  const isShort = length === undefined || (isJson(req) && Number(length) <= MAX_READ_BYTES);
  if (!isShort || !(await isEmptyBody(req, idle))) {
    throw createError('BODY_NOT_USED', { hint: route.insteadOfBody ?? 'send its parameters in the query' });
  }
}

function takesBody({ body, parameters }: Route): boolean {
  return body !== undefined || parameters.some((parameter) => parameter.in === 'body');
}

/** Reads a body until it is known whether it is empty. */
function isEmptyBody(req: IncomingMessage, idle: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (act: () => void) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onBreak).pause();
      act();
    };
    const failed = (error: StreamFSError) => settle(() => reject(error));
    const onData = (bytes: Buffer) => {
      text += bytes.toString('latin1');
      timer?.refresh();
      if (text.length > MAX_READ_BYTES || !isJson(req)) settle(() => resolve(false));
    };
    const onBreak = () => failed(bodyBrokeOff(0));
    const onEnd = () => (isBroken(req) ? onBreak() : settle(() => resolve(EMPTY_VALUE.test(text))));
    const timer = idle === 0 ? undefined : setTimeout(() => failed(bodyTimeout(idle, 0)), idle);
    askForBody(req);
    req.on('data', onData).on('end', onEnd).on('close', onBreak);
  });
}
