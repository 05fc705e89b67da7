/** A plugin whose start and stop a test controls, with the files of memfs. */
import type { FileSystem, Plugin, PluginConfig } from '../../src/fs/index.ts';
import { memfsPlugin } from '../../src/plugins/memfs/index.ts';

export interface FakePlugin extends Plugin {
  /** The mount paths started and stopped so far. */
  readonly started: string[];
  readonly stopped: string[];
}

export interface FakeOptions {
  name?: string;
  validate?: (config: PluginConfig) => void;
  /** Awaited by `initialize`. */
  starting?: (mountPath: string) => Promise<void> | void;
  /** Awaited by `shutdown`. */
  stopping?: (mountPath: string) => Promise<void> | void;
  /** Replaces methods of the file system. */
  override?: Partial<FileSystem>;
}

export function fakePlugin(options: FakeOptions = {}): FakePlugin {
  const started: string[] = [];
  const stopped: string[] = [];
  return {
    name: options.name ?? 'fakefs',
    readme: '',
    configParameters: [{ name: 'key', type: 'string', required: false, default: '', description: 'A key' }],
    started,
    stopped,
    validate: options.validate ?? (() => {}),
    async initialize(_config, context) {
      await options.starting?.(context.mountPath);
      const inner = await memfsPlugin.initialize({}, context);
      started.push(context.mountPath);
      return {
        fileSystem: Object.assign(inner.fileSystem, options.override),
        async shutdown() {
          await options.stopping?.(context.mountPath);
          await inner.shutdown();
          stopped.push(context.mountPath);
        },
      };
    },
  };
}

/** A promise that is settled from outside. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
