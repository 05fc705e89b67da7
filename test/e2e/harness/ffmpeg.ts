/** Whether ffmpeg is installed. CI must have it, or tests fail. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

function isInstalled(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'ffmpeg'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const hasFfmpeg = process.env.CI !== undefined || isInstalled();
if (!hasFfmpeg) process.stdout.write('skipped: no media are played, ffmpeg is not installed\n');
