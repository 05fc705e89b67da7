/** The options for the settings of a stream that a command creates, shared by all such commands. */
import { type Command, Option } from 'commander';
import type { StreamSettings } from '../client/index.ts';
import { ATOMIC, CONTAINERS, LAG_POLICIES, READER_BLOCK } from '../protocol/index.ts';
import * as value from './arguments.ts';

export interface SettingOptions {
  ring?: number | undefined;
  channel?: number | undefined;
  onLag?: StreamSettings['onLag'] | undefined;
  readerBlock?: StreamSettings['readerBlock'] | undefined;
  atomic?: StreamSettings['atomic'] | undefined;
  type?: string | undefined;
  container?: StreamSettings['container'] | undefined;
  /** Milliseconds. */
  ttl?: number | undefined;
}

/** Adds the options to a command. */
export function addSettingOptions(command: Command): Command {
  return command
    .option('--ring <size>', 'of a new stream: how much is retained for late joiners, such as 64MB', value.size)
    .option('--channel <size>', 'of a new stream: how far a reader may fall behind', value.size)
    .addOption(
      new Option('--on-lag <policy>', 'of a new stream: what happens to a reader that falls further behind').choices(
        LAG_POLICIES,
      ),
    )
    .addOption(
      new Option('--reader-block <who>', 'of a new stream: which readers may make writers wait').choices(READER_BLOCK),
    )
    .addOption(
      new Option('--atomic <what>', 'of a new stream, and of this writer: never mix lines of several writers').choices(
        ATOMIC,
      ),
    )
    .option('--type <content-type>', 'of a new stream: its content type, such as audio/ogg or text/plain')
    .addOption(
      new Option(
        '--container <format>',
        'of a new stream: the media format, if not given by its type; it determines where readers may begin',
      ).choices(CONTAINERS),
    )
    .option(
      '--ttl <duration>',
      'of a new stream: it expires after this long without writes or reads, such as 10m; 0: never',
      value.patience,
    );
}

/** The settings given as options; undefined if there are none. */
export function settingsOf(options: SettingOptions): StreamSettings | undefined {
  const { atomic, channel, container, onLag, readerBlock, ring, ttl, type } = options;
  const settings: StreamSettings = {
    ringBufferSize: ring,
    channelBufferSize: channel,
    ...{ onLag, readerBlock, atomic, type, container, ttl },
  };
  return Object.values(settings).every((each) => each === undefined) ? undefined : settings;
}
