/** Keys of a view, active wherever the focus is, unless the focused element uses the key. */

/** To be used as an effect. @param keys the action of each key, by `KeyboardEvent.key` */
export function listenToViewKeys(keys: Readonly<Record<string, () => void>>): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isMeantForElement(event)) return;
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    action();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** Whether a key is input for a field, or activates a button. */
function isMeantForElement({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  // The focus may have left an open dialog, because the focused button was removed.
  if (document.querySelector('dialog[open]') !== null) return true;
  // A closed dialog keeps the focus until the next frame.
  if (target.closest('dialog') !== null) return false;
  if (target.closest('input:not([type=checkbox]), textarea, select') !== null) return true;
  return key === ' ' && target.closest('button, a, summary, [role=button], input') !== null;
}
