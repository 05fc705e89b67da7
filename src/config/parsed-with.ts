/** Parses a setting with one of our own parsers. */
import { z } from 'zod';
import { isStreamFSError } from '../errors/index.ts';

/** A setting that `parse` converts; its error message becomes that of the schema. */
export function parsedWith<In extends z.ZodType, Out>(schema: In, parse: (value: z.output<In>) => Out) {
  return schema.transform((value, context): Out => {
    try {
      return parse(value);
    } catch (error) {
      if (!isStreamFSError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message, input: value });
      return z.NEVER;
    }
  });
}
