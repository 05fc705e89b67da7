export type * from './plugin.ts';
export type * from './types.ts';
