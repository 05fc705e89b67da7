/** What has no room on a narrow screen stands behind a button there; on a wide one it is just there. */
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
