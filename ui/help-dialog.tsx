/** The keyboard shortcuts of the page. */
import { Dialog } from './dialog/dialog.tsx';

const KEYS: readonly [keys: string, what: string][] = [
  ['/', 'filter or search'],
  ['Escape', 'clear the filter, close a dialog, back to all streams'],
  ['↑ ↓, j k', 'move in a list'],
  ['g, G', 'to the first, to the last'],
  ['Enter', 'open a stream, fold or unfold a directory'],
  ['i', 'details of the stream with the focus'],
  ['?', 'this list'],
];

const KEYS_OF_A_LOG: typeof KEYS = [
  ['n, N', 'next match, previous match'],
  ['Space', 'stay here, or follow'],
  ['g, G', 'to the first line that is kept; to the end, and follow'],
  ['o', 'fold or unfold the JSON of the selected line'],
  ['click', 'select a line; with Shift, all lines up to there'],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <Keys keys={KEYS} />
      <h3>In a stream</h3>
      <Keys keys={KEYS_OF_A_LOG} />
    </Dialog>
  );
}

function Keys({ keys }: { keys: typeof KEYS }) {
  return (
    <table class="keys">
      <tbody>
        {keys.map(([key, what]) => (
          <tr key={key}>
            <th scope="row">
              <kbd>{key}</kbd>
            </th>
            <td>{what}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
