/** The parts of a server whose metrics are read at each scrape. */
import type { HandleTable, MountTable } from '../../fs/index.ts';
import type { Limits } from '../limits/index.ts';

export interface MetricsSource {
  readonly limits: Limits;
  readonly handles: HandleTable;
  readonly mounts: MountTable;
  /** Whether connections are read into one shared buffer. */
  readonly sharesReads: () => boolean;
  readonly version: { readonly version: string; readonly gitCommit: string };
}
