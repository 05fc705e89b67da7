/**
 * Decides which readers may make writers wait: a reader with the policy `block` that stops reading stops the writers
 * (contract 97).
 */
import { createError } from '../../errors/index.ts';
import type { OpenStreamOptions, StreamSettingsInForce } from '../../fs/index.ts';

/**
 * Checks a reader that requests `block` on a stream with another policy.
 *
 * @throws BLOCK_REFUSED with the reason
 */
export function requireMayBlock(
  { onLag, role = 'writer' }: Pick<OpenStreamOptions, 'onLag' | 'role'>,
  settings: Pick<StreamSettingsInForce, 'onLag' | 'readerBlock'>,
): void {
  if (onLag !== 'block' || settings.onLag === 'block') return;
  const { readerBlock } = settings;
  if (role === 'link') throw refused('is not allowed through a link');
  if (readerBlock === 'never') throw refused('this stream allows to no reader (reader_block: never)');
  if (readerBlock === 'writers' && role !== 'writer') {
    throw refused('this stream allows only to those who may also write there (reader_block: writers)');
  }
}

function refused(reason: string) {
  return createError('BLOCK_REFUSED', { reason });
}
