/** Keys of the whole page. A view may add more; no key applies while the focus is in a field or a dialog. */
import { here } from './routing.ts';

/** To be used as an effect. */
export function listenToKeys(onHelp: () => void): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as Element;
    // The focus may have left an open dialog, because the focused button was removed.
    if (target.closest('dialog') !== null || document.querySelector('dialog[open]') !== null) return;
    const search = document.querySelector<HTMLInputElement>('input[data-search]');
    if (target instanceof HTMLInputElement && target === search && event.key === 'Escape') {
      // The browser clears it; then the list should have the focus.
      if (search.value === '') search.blur();
      return;
    }
    if (target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]') !== null) return;
    switch (event.key) {
      case '/':
        if (search === null) return;
        search.focus();
        search.select();
        break;
      case '?':
        onHelp();
        break;
      case 'Escape':
        if (here.peek().place !== 'stream') return;
        location.hash = '#/';
        break;
      case 'ArrowDown':
      case 'j':
        // Moves the focus from anywhere into the list.
        if (target.closest('[role=table]') !== null) return;
        document.querySelector<HTMLElement>('[role=table] [data-active]')?.focus();
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}
