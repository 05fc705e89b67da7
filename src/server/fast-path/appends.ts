/** The targets of short appends of either protocol, and the texts of their responses. */
import type { StoreAppender } from '../../fs/index.ts';
import { DURABLE_HEADERS } from '../../protocol/index.ts';
import type { Principal } from '../auth/index.ts';
import { durabilityHeader, tailValue } from '../durable-streams/index.ts';
import { splitAtValue, writtenParts } from '../http/response-text.ts';
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
    responseParts: (length, vary) => writtenParts(length, appender.generation, appender.durability, vary),
    endValue: String,
  };
}

/** An append by Durable Streams. */
export function openDurableAppend(appender: StoreAppender | undefined): OpenAppend | undefined {
  if (appender === undefined) return undefined;
  return {
    appender,
    responseParts: (_length, vary) => splitAtValue(204, DURABLE_HEADERS.nextOffset, durabilityHeader(appender), vary),
    endValue: (endOffset) => tailValue(appender, endOffset),
  };
}
