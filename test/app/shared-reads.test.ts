import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../src/app/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { recorder } from './recorder.ts';

describe('server.shared_reads', () => {
  for (const [configured, gauge, lines] of [
    ['auto', 1, 0],
    ['off', 0, 1],
  ] as const) {
    it(`${configured}: /metrics says ${gauge}, and the log has ${lines} line about it`, async () => {
      const logger = recorder();
      const config = { server: { shared_reads: configured } };
      const app = await startApp({ address: '127.0.0.1:0', logger, config });
      onTestFinished(() => app.shutdown());
      const put = await fetch(`${app.url}/api/v1/files?path=/streamfs/a`, { method: 'PUT', body: 'written' });
      expect(put.status).toBe(200);
      const live = await fetch(`${app.url}/api/v1/files?path=/streamfs/a&stream=true&from=earliest&timeout=10ms`);
      expect(await live.text()).toBe('written');
      const metrics = await (await fetch(`${app.url}/metrics`)).text();
      expect(metrics).toContain(`\nstreamfs_shared_reads ${gauge}\n`);
      expect(logger.lines.filter(({ message }) => message.includes('reads are not shared'))).toHaveLength(lines);
    });
  }

  it('takes auto and off, and says so of anything else', () => {
    expect(parseConfig('server: {shared_reads: off}', 'c.yaml').server.sharedReads).toBe('off');
    expect(parseConfig('[server]\nshared_reads = "off"', 'c.toml').server.sharedReads).toBe('off');
    expect(parseConfig('server: {}', 'c.yaml').server.sharedReads).toBe('auto');
    for (const wrong of ['on', 'true', '0']) {
      expect(() => parseConfig(`server: {shared_reads: ${wrong}}`, 'c.yaml')).toThrow(/c\.yaml:1: .*"?auto"?.*off/);
    }
  });
});
