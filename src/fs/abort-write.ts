/** Aborting a write that has failed. */
import type { FileWriter } from './types.ts';

/** Aborts a body after `error`, and throws that error: a failure to abort must not hide why the write failed. */
export async function abortWrite(writer: FileWriter, error: unknown): Promise<never> {
  try {
    await writer.abort();
  } catch {
    // The caller gets the first error.
  }
  throw error;
}
