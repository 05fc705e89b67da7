/** Says why something did not work, also to screen readers; nothing where it did. */
import { printable } from './printable.ts';

export function Failure({ error }: { error: string | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="error" role="alert">
      {printable(error)}
    </p>
  );
}
