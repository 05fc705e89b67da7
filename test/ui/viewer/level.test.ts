import { expect, it } from 'vitest';
import { levelOf } from '../../../ui/viewer/text/level.ts';

it.each([
  ['2026-11-26T08:00:00Z ERROR cannot open', 'error'],
  ['[WARN] disk is nearly full', 'warn'],
  ['[error] nginx says so', 'error'],
  ['level=info msg="ok"', 'info'],
  ['time=1 level="warning" msg=x', 'warn'],
  ['{"level":50,"time":1,"msg":"x"}', 'error'],
  ['{"time":1,"level":"DEBUG"}', 'debug'],
  ['{"msg":"ERROR in a text","severity":"INFO"}', 'info'],
  ['{"msg":"ERROR in a text"}', undefined],
  ['{"level":5000}', undefined],
  ['E0102 03:04:05.678 1 main.go:1] failed', 'error'],
  ['error: no such file', 'error'],
  ['cargo: warning: unused', 'warn'],
  ['<CRITICAL> meltdown', 'fatal'],
  ['TRACE enter', 'trace'],
  ['no errors were found', undefined],
  ['GET /error/ERROR.html 200', undefined],
  ['an ERRORLESS day', undefined],
  ['', undefined],
])('%j is of level %s', (text, level) => {
  expect(levelOf(text)).toBe(level);
});
