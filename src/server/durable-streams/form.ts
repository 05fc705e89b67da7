/** How the bytes of a stream are treated, by its content type. */
import { isUtf8ContentType, JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import type { DurableSseForm } from '../encoding/durable-sse.ts';

export function formOf(type: string): DurableSseForm {
  const [essence = '', ...parameters] = type.split(';');
  const name = essence.trim().toLowerCase();
  if (name === JSON_MEDIA_TYPE) return 'json';
  if (!name.startsWith('text/')) return 'base64';
  // Events are UTF-8: text in another charset would be decoded as wrong characters.
  return parameters.length === 0 || isUtf8ContentType(type) ? 'text' : 'base64';
}
