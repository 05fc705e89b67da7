import type { Account } from './account.ts';
import type { StreamSettings } from './stream-settings.ts';

/** Options of operations that may create a file, including the account that the file is counted on (account.ts). */
export interface CreateOptions {
  /** The account that the file is counted on. Default: none. */
  account?: Account | undefined;
  /**
   * The settings of a new stream, or of one that so far only readers have opened (contract 98). An existing stream must
   * already have these settings, or the operation fails with STREAM_SETTINGS_DIFFER. Files that are not streams refuse
   * any settings.
   */
  settings?: StreamSettings | undefined;
}
