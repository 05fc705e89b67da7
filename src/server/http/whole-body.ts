/** Reads a body that must be complete before it is processed, into memory that is charged as it arrives. */
import type { IncomingMessage } from 'node:http';
import { createError, type LimitName, limitReached, type StreamFSError } from '../../errors/index.ts';
import { askForBody } from '../ingest/expectation.ts';
import { bodyTimeout } from '../ingest/receive.ts';
import { isBroken } from '../net/index.ts';
import { BodyBuffer } from './body-buffer.ts';

export interface BodyLimits {
  /** Maximum length in bytes. */
  size: number;
  /** The name of that limit. */
  limit: LimitName;
  /** Milliseconds for which the body may stall: it is short, so only a broken client stalls. 0: for ever. */
  idle: number;
  /** The memory that it is charged to, for errors. */
  memory: { readonly limit: number };
}

/**
 * @param charge called with the number of additional bytes before memory is allocated; returns whether there is room
 * for them
 * @throws BODY_TOO_LARGE, BODY_BROKE_OFF, BODY_TIMEOUT, MEMORY_LIMIT. The rest of the body is then still unread
 */
export function bufferBody(
  req: IncomingMessage,
  limits: BodyLimits,
  charge: (bytes: number) => boolean,
): Promise<BodyBuffer> {
  const { size, idle, memory } = limits;
  return new Promise((resolve, reject) => {
    const buffer = new BodyBuffer(size, charge);
    const settle = (error?: StreamFSError) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak).pause();
      if (error) reject(error);
      else resolve(buffer);
    };
    const onData = (piece: Buffer) => {
      timer?.refresh();
      if (buffer.length + piece.length > size) settle(bodyTooLarge(limits));
      else if (!buffer.add(piece)) settle(limitReached('MEMORY_LIMIT', 'memory', memory.limit));
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
