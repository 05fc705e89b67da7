/** A view that is loaded when it is first shown, so that it does not slow down opening the page. */
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** @param meanwhile shown until it is loaded */
export function lazy<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  meanwhile: (props: Props) => ComponentChildren = () => null,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [View, setView] = useState<ComponentType<Props> | undefined>(() => loaded);
    const [hasFailed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded !== undefined) return;
      load().then(
        (view) => {
          loaded = view;
          setView(() => view);
        },
        () => setFailed(true),
      );
    }, []);
    if (View !== undefined) return <View {...props} />;
    if (!hasFailed) return <>{meanwhile(props)}</>;
    return (
      <p class="error" role="alert">
        A part of the page could not be loaded. The server may be gone, or have another version by now.{' '}
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </p>
    );
  };
}
