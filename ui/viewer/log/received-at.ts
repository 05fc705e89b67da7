/** Formats the times at which lines were received. */

/** `12:34:56.789` in local time or UTC, or the age. */
export function timeText(at: number, kind: 'local' | 'utc' | 'relative', now: number): string {
  if (kind === 'relative') return agoText(now - at);
  const date = new Date(at);
  if (kind === 'utc') return `${date.toISOString().slice(11, 23)}Z`;
  const part = (value: number, digits = 2) => String(value).padStart(digits, '0');
  return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}.${part(date.getMilliseconds(), 3)}`;
}

function agoText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min ago`;
}
