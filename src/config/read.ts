/** How a setting is read by one of our parsers. */
import { z } from 'zod';
import { isStreamFSError } from '../errors/index.ts';

/** A setting that one of our parsers reads, its refusal told in the parser's words. */
export function read<In extends z.ZodType, Out>(schema: In, parse: (value: z.output<In>) => Out) {
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
