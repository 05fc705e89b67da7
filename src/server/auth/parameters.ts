/** What authentication reads of a request's query. */
export interface RequestParameters {
  /** The parameter `path`. @throws MISSING_PATH where there is none */
  path(): string;
  text(name: string): string | undefined;
  boolean(name: string): boolean | undefined;
  has(name: string): boolean;
}
