import { expect, it } from 'vitest';
import { slotOf } from '../../../src/logs/redis/slots.ts';

it('puts keys where the specification of Redis Cluster puts them', () => {
  // CRC-16/XMODEM of 123456789 is 0x31c3.
  expect(slotOf('123456789')).toBe(0x31c3);
  expect(slotOf('foo')).toBe(12182);
  expect(slotOf('{user1000}.following')).toBe(slotOf('{user1000}.followers'));
  expect(slotOf('foo{}{bar}')).toBe(slotOf('foo{}{bar}'));
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
  expect(slotOf('sf:{/ä}:g')).toBe(slotOf('/ä'));
});
