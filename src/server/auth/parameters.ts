/** The query parameters that authentication reads. */
import type { QueryParameter } from '../../protocol/index.ts';

export interface RequestParameters {
  /** The parameter `path`. @throws PATH_REQUIRED if there is none */
  path(): string;
  text(name: QueryParameter): string | undefined;
  boolean(name: QueryParameter): boolean | undefined;
  has(name: QueryParameter): boolean;
}
