/** What is done with the bytes of a stream, by its content type. */
import { JSON_MEDIA_TYPE } from '../../protocol/index.ts';
import type { DurableSseForm } from '../encoding/durable-sse.ts';

export function formOf(type: string): DurableSseForm {
  const essence = type.split(';')[0]!.trim().toLowerCase();
  if (essence === JSON_MEDIA_TYPE) return 'json';
  return essence.startsWith('text/') ? 'text' : 'base64';
}
