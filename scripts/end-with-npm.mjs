/**
 * npm sends a signal to the shell in which it runs a script, and the shell exits without forwarding it. So a script run
 * by npm ends itself, as by SIGTERM, once its shell has gone. (`exec` before the command would also work, but not in
 * cmd.exe.)
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
