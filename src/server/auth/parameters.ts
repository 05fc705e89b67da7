/** What authentication reads of a request's query. */
import type { QueryParameter } from '../../protocol/index.ts';

export interface RequestParameters {
  /** The parameter `path`. @throws MISSING_PATH where there is none */
  path(): string;
  text(name: QueryParameter): string | undefined;
  boolean(name: QueryParameter): boolean | undefined;
  has(name: QueryParameter): boolean;
}
