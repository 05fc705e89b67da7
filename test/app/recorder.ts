import type { PluginLogger } from '../../src/fs/index.ts';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  facts: Record<string, unknown>;
}

/** A logger that records its lines. */
export function recorder(): PluginLogger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (message: string, facts: Record<string, unknown> = {}) => {
      lines.push({ level, message, facts });
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
