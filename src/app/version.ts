/** The version of this build. The build inserts commit and time as constants; in the sources they are `unknown`. */
import packageJson from '../../package.json' with { type: 'json' };

export interface Version {
  readonly version: string;
  /** Short hash, or `unknown`. */
  readonly gitCommit: string;
  /** RFC 3339, or `unknown`. */
  readonly buildTime: string;
}

export const version: Version = {
  version: packageJson.version,
  gitCommit: process.env.STREAMFS_GIT_COMMIT || 'unknown',
  buildTime: process.env.STREAMFS_BUILD_TIME || 'unknown',
};
