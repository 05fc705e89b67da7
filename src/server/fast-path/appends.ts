/** Where short bodies of either protocol go, and the texts that answer them. */
import type { StoreAppender } from '../../fs/index.ts';
import { DURABLE_HEADERS } from '../../protocol/index.ts';
import type { Principal } from '../auth/index.ts';
import { durabilityHeader, tailValue } from '../durable-streams/index.ts';
import { aroundValue, writtenParts } from '../http/response-text.ts';
import type { ServerContext } from '../http/route.ts';
import type { OpenAppend } from './requests.ts';

/** An append to a file. */
export function openFileAppend(
  path: string,
  caller: Principal | undefined,
  { mounts }: ServerContext,
): OpenAppend | undefined {
  const appender = mounts.tryAppend(path, caller?.creating);
  if (appender === undefined) return undefined;
  return {
    appender,
    around: (length, vary) => writtenParts(length, appender.generation, appender.durability, vary),
    end: () => String(appender.endOffset),
  };
}

/** An append by Durable Streams. */
export function openDurableAppend(appender: StoreAppender | undefined): OpenAppend | undefined {
  if (appender === undefined) return undefined;
  return {
    appender,
    around: (_length, vary) => aroundValue(204, DURABLE_HEADERS.nextOffset, durabilityHeader(appender), vary),
    end: () => tailValue(appender),
  };
}
