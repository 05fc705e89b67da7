/** Whether ffmpeg is there to make media with. In CI it is, or tests fail. */
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
