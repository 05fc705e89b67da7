/**
 * What the streams of a mount are like: the settings that hold for each, and the rules that the core gets from them. Those
 * that ask for nothing else share those of the mount.
 */
import type { MemoryBudget, StreamObserver } from '../../core/index.ts';
import { StreamRules } from '../../core/internal.ts';
import type { Clock, StreamSettings, StreamSettingsInForce } from '../../fs/index.ts';
import type { Settings } from './settings.ts';
import { requireSameSettings, settingsInForce, settingsOfMount } from './stream-settings.ts';

export interface MountRulesOptions {
  /** Of the mount. */
  settings: Settings;
  clock: Clock;
  memory: MemoryBudget | undefined;
  observer: StreamObserver;
}

export class MountRules {
  /** The settings of streams that ask for nothing else. */
  readonly ofMount: StreamSettingsInForce;
  private readonly options: MountRulesOptions;
  private readonly shared: StreamRules;

  constructor(options: MountRulesOptions) {
    this.options = options;
    this.ofMount = settingsOfMount(options.settings);
    this.shared = this.newRules(this.ofMount);
  }

  /** The settings of a stream that is asked for with these. @throws INVALID_PARAMETER */
  settingsFor(asked: StreamSettings | undefined): StreamSettingsInForce {
    return asked === undefined ? this.ofMount : settingsInForce(asked, this.ofMount, this.options.settings);
  }

  /**
   * That a stream is as it is asked for.
   *
   * @param idleTimeout what holds for it, where it has been made by another mount
   * @throws STREAM_SETTINGS_DIFFER; INVALID_PARAMETER
   */
  requireSame(path: string, asked: StreamSettings, inForce: StreamSettingsInForce, idleTimeout?: number): void {
    requireSameSettings(path, asked, inForce, this.ofMount, this.options.settings, idleTimeout);
  }

  /** The rules of a stream: those of the mount unless its settings make a difference to them. */
  rulesFor(settings: StreamSettingsInForce): StreamRules {
    const { onLag, maxLag, retention } = this.shared;
    const { channelBufferSize, ringBufferSize } = settings;
    const isSame = settings.onLag === onLag && channelBufferSize === maxLag && ringBufferSize === retention;
    return isSame ? this.shared : this.newRules(settings);
  }

  private newRules({ channelBufferSize, onLag, ringBufferSize }: StreamSettingsInForce): StreamRules {
    const { clock, memory, observer, settings } = this.options;
    return new StreamRules({
      ...{ retention: ringBufferSize, maxLag: channelBufferSize, onLag, observer },
      blockTimeout: settings.blockTimeout,
      now: clock.timeOfDay,
      budget: memory,
    });
  }
}
