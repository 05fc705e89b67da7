/**
 * The settings in force for the streams of a mount, and the rules derived from them for the core. Streams without
 * their own settings share the mount's objects.
 */
import type { MemoryBudget, StreamObserver } from '../../core/index.ts';
import { StreamRules } from '../../core/internal.ts';
import type { Clock, StreamSettings, StreamSettingsInForce } from '../../fs/index.ts';
import type { Settings } from './settings.ts';
import { requireSameSettings, settingsInForce, settingsOfMount } from './stream-settings.ts';

export interface MountRulesOptions {
  /** The mount's settings. */
  settings: Settings;
  clock: Clock;
  memory: MemoryBudget | undefined;
  observer: StreamObserver;
}

export class MountRules {
  /** The settings of streams that request none. */
  readonly ofMount: StreamSettingsInForce;
  private readonly options: MountRulesOptions;
  private readonly shared: StreamRules;

  constructor(options: MountRulesOptions) {
    this.options = options;
    this.ofMount = settingsOfMount(options.settings);
    this.shared = this.newRules(this.ofMount);
  }

  /**
   * The settings of a stream created with the requested ones.
   *
   * @throws INVALID_PARAMETER
   */
  settingsFor(asked: StreamSettings | undefined): StreamSettingsInForce {
    return asked === undefined ? this.ofMount : settingsInForce(asked, this.ofMount, this.options.settings);
  }

  /**
   * Requires that a stream has the requested settings.
   *
   * @param idleTimeout the stream's idle timeout, if another mount created it
   * @throws STREAM_SETTINGS_DIFFER; INVALID_PARAMETER
   */
  requireSame(path: string, asked: StreamSettings, inForce: StreamSettingsInForce, idleTimeout?: number): void {
    requireSameSettings(path, asked, inForce, this.ofMount, this.options.settings, idleTimeout);
  }

  /** The rules for settings: the mount's rules unless the settings affect them. */
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
