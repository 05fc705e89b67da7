/**
 * npm hands a signal to the shell that it runs a script in, and that ends without handing it on. So a script that is
 * run by npm ends as by SIGTERM when its shell has gone. (`exec` before the command would do, but cmd.exe has none.)
 */
const INTERVAL_MS = 200;

export function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, INTERVAL_MS);
  timer.unref();
}
