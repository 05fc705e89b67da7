/** The keys that the page knows. */
import { Dialog } from './dialog/dialog.tsx';

const KEYS: readonly [keys: string, what: string][] = [
  ['/', 'filter or search'],
  ['Escape', 'empty the filter, close a dialog, back to all streams'],
  ['↑ ↓, j k', 'move in a list'],
  ['g, G', 'to the first, to the last'],
  ['Enter', 'open a stream, fold or unfold a directory'],
  ['i', 'details of the stream with the focus'],
  ['?', 'this list'],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table class="keys">
        <tbody>
          {KEYS.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted">A view of a stream has keys of its own, which it shows.</p>
    </Dialog>
  );
}
