/** The viewer, loaded with the first stream that is opened: the list of streams does without it. */
import { useEffect, useState } from 'preact/hooks';
import type { ViewerProps } from './viewer.tsx';

type Loaded = typeof import('./viewer.tsx').Viewer;

let loaded: Loaded | undefined;

export function Viewer(props: ViewerProps) {
  const [failure, setFailure] = useState<string>();
  const [Content, setContent] = useState<Loaded | undefined>(() => loaded);
  useEffect(() => {
    if (loaded !== undefined) return;
    import('./viewer.tsx').then(
      (module) => {
        loaded = module.Viewer;
        setContent(() => loaded);
      },
      () =>
        setFailure('A part of the page could not be loaded. The server may be gone, or have another version by now.'),
    );
  }, []);
  if (Content !== undefined) return <Content {...props} />;
  if (failure === undefined) return <div class="stream-bar">{props.heading}</div>;
  return (
    <p class="error" role="alert">
      {failure}{' '}
      <button type="button" onClick={() => location.reload()}>
        Load the page again
      </button>
    </p>
  );
}
