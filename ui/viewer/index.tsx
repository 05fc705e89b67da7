/** The viewer, loaded with the first stream that is opened: the list of streams does without it. */
import { lazy } from '../lazy.tsx';

export const Viewer = lazy(
  async () => (await import('./viewer.tsx')).Viewer,
  ({ heading }) => <div class="stream-bar">{heading}</div>,
);
