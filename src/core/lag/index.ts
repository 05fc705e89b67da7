/** Looks up lag strategies by the name of their policy. */
import { createError } from '../../errors/index.ts';
import { LAG_POLICIES, type LagPolicy } from '../types.ts';
import { block } from './block.ts';
import { disconnect } from './disconnect.ts';
import { dropNewest } from './drop-newest.ts';
import { dropOldest } from './drop-oldest.ts';
import type { LagStrategy } from './strategy.ts';

const STRATEGIES: readonly LagStrategy[] = [dropOldest, dropNewest, disconnect, block];

/** @throws INVALID_PARAMETER for an unknown policy */
export function lagStrategyOf(name: LagPolicy): LagStrategy {
  const strategy = STRATEGIES.find((one) => one.name === name);
  if (strategy !== undefined) return strategy;
  throw createError('INVALID_PARAMETER', { name: 'onLag', reason: `it must be one of ${LAG_POLICIES.join(', ')}` });
}

export type { DropNewestQueue, QueueAccount } from './drop-newest-queue.ts';
export type { LaggingReader, LagStrategy } from './strategy.ts';
