import type { Account } from './account.ts';
import type { StreamSettings } from './stream-settings.ts';

/** An operation that may create a file names the account that it is counted on: see account.ts. */
export interface CreateOptions {
  /** The account that the file counts for. Default: none. */
  account?: Account | undefined;
  /**
   * Of a stream that is made, or that only readers have opened so far (contract 98). One that exists must have these, or
   * it is STREAM_SETTINGS_DIFFER. What is no stream refuses any.
   */
  settings?: StreamSettings | undefined;
}
