/** A real nginx in front of a server, with a separate folder for all its files. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../harness/port.ts';
import { waitFor } from '../../harness/wait.ts';
import { start } from './commands.ts';

const PROGRAM = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path));

/** Whether nginx is installed; in CI it must be. */
export const HAS_NGINX = PROGRAM !== undefined || process.env.CI === 'true';

/** Starts nginx as a single process that proxies to a port. `settings` are directives of its location. */
export async function nginxTo(port: number, settings = ''): Promise<{ url: string }> {
  if (PROGRAM === undefined) throw new Error('nginx is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-nginx-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'logs'));
  const own = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/logs/error.log;
     events {}
     http {
       access_log off;
       ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
       server {
         listen 127.0.0.1:${own};
         location / { proxy_pass http://127.0.0.1:${port}; ${settings} }
       }
     }`,
  );
  const child = start(PROGRAM, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'logs/error.log')]);
  const url = `http://127.0.0.1:${own}`;
  await waitFor('nginx to listen', async () => {
    if (!child.isRunning) throw new Error(`nginx has ended: ${child.stderr.text}`);
    return await fetch(url).then(
      (response) => response.arrayBuffer().then(() => true),
      () => false,
    );
  });
  return { url };
}
