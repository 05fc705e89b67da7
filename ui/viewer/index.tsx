/** The viewer, loaded when the first stream is opened: the list of streams does not need it. */
import { lazy } from '../lazy.tsx';

export const Viewer = lazy(
  async () => (await import('./viewer.tsx')).Viewer,
  ({ heading }) => <div class="stream-bar">{heading}</div>,
);
