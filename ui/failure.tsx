/** Shows an error, also to screen readers; renders nothing without one. */
import { printable } from './printable.ts';

export function Failure({ error }: { error: string | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="error" role="alert">
      {printable(error)}
    </p>
  );
}
