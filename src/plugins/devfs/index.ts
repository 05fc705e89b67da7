/** devfs: the standard Unix devices, for tests and scripts that expect a `/dev`. */
import type { Plugin } from '../../fs/index.ts';
import { refuseUnknownKeys } from '../config-keys.ts';
import { readValues, textValue } from '../config-values.ts';
import { DeviceFileSystem } from './file-system.ts';

const README = `devfs - null, zero, random and urandom

  null     reads as empty
  zero     reads as zeros, without an end
  random   reads as random bytes, without an end
  urandom  the same

Writes are accepted and discarded. Files can be neither added nor removed.

A device without an end cannot be read as a whole: give a size of at most 64 MiB, or use stream mode,
which continues until the reader leaves.
`;

export const devfsPlugin: Plugin = {
  name: 'devfs',
  readme: README,
  configParameters: [
    {
      name: 'mount_path',
      type: 'string',
      required: false,
      default: '',
      description: 'Accepted and ignored: the mount knows its path',
    },
  ],
  validate(config) {
    readValues({
      known: () => refuseUnknownKeys(config, ['mount_path']),
      mountPath: () => textValue(config, 'mount_path'),
    });
  },
  async initialize() {
    const fileSystem = new DeviceFileSystem();
    return {
      fileSystem,
      async shutdown() {
        fileSystem.stop();
      },
    };
  },
};
