/** Controls that are behind a button on a narrow screen, and always visible on a wide one. */
import type { ComponentChildren } from 'preact';
import { isNarrow } from '../narrow.ts';

export interface MenuProps {
  label: string;
  sign: string;
  children: ComponentChildren;
}

export function Menu({ children, label, sign }: MenuProps) {
  if (!isNarrow.value) return <>{children}</>;
  return (
    <details class="menu">
      <summary class="button" aria-label={label}>
        {sign}
      </summary>
      <div class="menu-content">{children}</div>
    </details>
  );
}
