/** Reads a body that has to be whole before anything can be done with it, into memory that is charged for as it comes. */
import type { IncomingMessage } from 'node:http';
import { createError, type LimitName, limitReached, type StreamFSError } from '../../errors/index.ts';
import { askForBody } from '../ingest/expectation.ts';
import { bodyTimeout } from '../ingest/receive.ts';
import { isBroken } from '../net/index.ts';
import { Gathered } from './gathered.ts';

export interface BodyLimits {
  /** Bytes. */
  size: number;
  /** Which limit that is. */
  limit: LimitName;
  /** Milliseconds it may stand still: it is a few bytes, only a broken client stops in it. 0: for ever. */
  idle: number;
  /** What it is charged to, as far as errors name it. */
  memory: { readonly limit: number };
}

/**
 * @param charge asked before memory is taken, for the difference: whether there is room for it
 * @throws BODY_TOO_LARGE, BODY_BROKE_OFF, BODY_TIMEOUT, MEMORY_LIMIT. The rest of the body is still in the socket then
 */
export function gatherBody(
  req: IncomingMessage,
  limits: BodyLimits,
  charge: (bytes: number) => boolean,
): Promise<Gathered> {
  const { size, idle, memory } = limits;
  return new Promise((resolve, reject) => {
    const gathered = new Gathered(size, charge);
    const settle = (error?: StreamFSError) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak).pause();
      if (error) reject(error);
      else resolve(gathered);
    };
    const onData = (piece: Buffer) => {
      timer?.refresh();
      if (gathered.length + piece.length > size) settle(bodyTooLarge(limits));
      else if (!gathered.add(piece)) settle(limitReached('MEMORY_LIMIT', 'memory', memory.limit));
    };
    const onEnd = () => (isBroken(req) ? onBreak() : settle());
    const onBreak = () => settle(createError('BODY_BROKE_OFF', { written: 0 }, { written: 0 }));
    const timer = idle === 0 ? undefined : setTimeout(() => settle(bodyTimeout(idle, 0)), idle);
    askForBody(req);
    req.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
  });
}

export function bodyTooLarge({ size, limit }: BodyLimits): StreamFSError {
  return limitReached('BODY_TOO_LARGE', limit, size);
}
