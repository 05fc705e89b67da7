/** What the suite has to know of a plugin, and what it gives. */
import type { Plugin, PluginConfig } from '../../fs/index.ts';

/** What kind of files a plugin has. The suite tests only what a plugin claims here. */
export interface PluginTraits {
  /**
   * `free`: files come and go as clients wish. `fixed`: there are those there are, and no others.
   */
  files: 'free' | 'fixed';
  /**
   * What becomes of bytes that are written. `random-access`: they can be read back, at any offset. `append-only`: every
   * write appends, and only streams and snapshots give them back. `discarded`: they are gone. `read-only`: none can be
   * written; `present` has something to be read.
   */
  content: 'random-access' | 'append-only' | 'discarded' | 'read-only';
  /** A file that is there from the start and can be written. Needed where files are `fixed`. */
  present?: string | undefined;
  /** A file that is there from the start, reads as a fixed text and cannot be written or removed. */
  readOnly?: string | undefined;
  /** A file whose stream goes on for ever by itself. */
  endless?: string | undefined;
}

export interface ContractOptions {
  plugin: Plugin;
  /** Of every instance the suite makes. Default: empty. */
  config?: PluginConfig | undefined;
  traits: PluginTraits;
}

/** One thing a plugin must do. `run` throws, with what was expected, where it does not. */
export interface ContractCase {
  name: string;
  run(): Promise<void>;
}
