/** Which keys there are. */
import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ['/', 'search'],
  ['n  N', 'next hit, hit before'],
  ['space', 'stay here, or follow'],
  ['g', 'to the first line that is kept'],
  ['G', 'to the end, and follow'],
  ['o', 'fold or unfold JSON of the selected line'],
  ['click, shift and click', 'select a line, select up to here'],
  ['?', 'this'],
];

export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl>
        {KEYS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
