import { describe, expect, it } from 'vitest';
import { NodeNames, Tags } from '../../../src/logs/redis/tags.ts';

function tagsOf(...ends: number[]): Tags {
  const tags = new Tags(new NodeNames());
  for (const end of ends) tags.add(end, `n${end % 2}.${end}`, end % 3 === 0 ? Buffer.from(`p${end}`) : undefined);
  return tags;
}

describe('the tags of a mirror', () => {
  it('are known by where their batch ends, and nowhere else', () => {
    const tags = tagsOf(5, 9, 20);
    expect([0, 5, 9, 10, 20, 21].map((end) => tags.at(end))).toEqual([
      '',
      'n1.5',
      'n1.9',
      undefined,
      'n0.20',
      undefined,
    ]);
    expect(tags.boundaries()).toEqual([5, 9, 20]);
  });

  it('give the batches behind an offset, each with the tag of the one before', () => {
    expect(tagsOf(5, 9, 20).after(5)).toEqual([
      { start: 5, end: 9, tag: 'n1.9', before: 'n1.5', proof: Buffer.from('p9') },
      { start: 9, end: 20, tag: 'n0.20', before: 'n1.9', proof: undefined },
    ]);
    expect(tagsOf(5).after(0)).toEqual([{ start: 0, end: 5, tag: 'n1.5', before: '', proof: undefined }]);
    expect(tagsOf(5).after(5)).toEqual([]);
  });

  it('are forgotten below an offset, in memory too', () => {
    const tags = tagsOf(...Array.from({ length: 1000 }, (_, n) => n + 1));
    tags.forgetBefore(900);
    expect([tags.at(899), tags.at(900), tags.at(1000)]).toEqual([undefined, 'n0.900', 'n0.1000']);
    expect(tags.boundaries().length).toBe(101);
    tags.add(2000, 'n0.1', undefined);
    expect(tags.after(1000)).toEqual([{ start: 1000, end: 2000, tag: 'n0.1', before: 'n0.1000', proof: undefined }]);
  });

  it('are so many at most, however little each of them is', () => {
    const tags = tagsOf(...Array.from({ length: 70_000 }, (_, n) => n + 1));
    expect(tags.boundaries().length).toBe(65_536);
    expect(tags.at(70_000)).toBe('n0.70000');
  });
});
