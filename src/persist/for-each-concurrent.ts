/** The limit is low because Node's thread pool is shared with the rest of the process. */
const MAX_CONCURRENT = 2;

/** Runs `work` for each item, a few concurrently. Throws the first error once no call is running any more. */
export async function forEachConcurrent<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const worker = async () => {
    while (next < items.length && errors.length === 0) {
      const item = items[next++]!;
      await work(item).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
