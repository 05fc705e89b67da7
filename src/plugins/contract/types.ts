/** The input and output types of the suite. */
import type { Plugin, PluginConfig } from '../../fs/index.ts';

/** The kind of files that a plugin has. The suite tests only what is claimed here. */
export interface PluginTraits {
  /** `free`: clients can create and remove files. `fixed`: the set of files never changes. */
  files: 'free' | 'fixed';
  /**
   * What happens to written bytes. `random-access`: they can be read back, at any offset. `append-only`: every write
   * appends, and only streams and snapshots return the bytes. `discarded`: they are dropped. `read-only`: writing is
   * refused; `present` has readable content.
   */
  content: 'random-access' | 'append-only' | 'discarded' | 'read-only';
  /** A writable file that always exists. Required if files are `fixed`. */
  present?: string | undefined;
  /** A file that always exists, contains a fixed text, and cannot be written or removed. */
  readOnly?: string | undefined;
  /** A file whose stream never ends by itself. */
  endless?: string | undefined;
}

export interface ContractOptions {
  plugin: Plugin;
  /** The configuration of every instance created by the suite. Default: empty. */
  config?: PluginConfig | undefined;
  traits: PluginTraits;
}

/** One test case. `run` throws an error with the expected behaviour if the plugin violates it. */
export interface ContractCase {
  name: string;
  run(): Promise<void>;
}
