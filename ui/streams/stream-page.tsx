/** The page of one stream: its path, actions, and contents. */
import { useState } from 'preact/hooks';
import { Dialog } from '../dialog/dialog.tsx';
import { useAction } from '../dialog/use-action.ts';
import { Failure } from '../failure.tsx';
import { Rates } from '../feed/rates.ts';
import { type StreamRow, streamRow } from '../feed/stream-row.ts';
import { printable } from '../printable.ts';
import type { PageClient } from '../session/page-client.ts';
import { token } from '../session/token.ts';
import { Viewer } from '../viewer/index.tsx';
import { WriteForm } from '../write/write-form.tsx';
import { DetailsDialog } from './details-dialog.tsx';

export function StreamPage({ path, client }: { path: string; client: PageClient }) {
  const [row, setRow] = useState<StreamRow>();
  const [isWriting, setWriting] = useState(false);
  const action = useAction();
  const parts = path.split('/').slice(1);
  const showDetails = () =>
    action.run(async () => {
      const found = streamRow(path, await client.api.stat(path), new Rates(), 0);
      if (found !== undefined) setRow(found);
    });
  // A link grants access to the content only.
  const link = client.link.value?.path === path ? client.link.value : undefined;
  const isGuest = link !== undefined && token.value === undefined;
  const heading = (
    <h1 class="mono crumbs" aria-label={printable(path)}>
      <a href="#/" aria-label="All streams">
        ←
      </a>
      <span class="path" dir="ltr" title={printable(path)}>
        {parts.map((part, at) => (
          <span key={at} class={at === parts.length - 1 ? '' : 'muted'}>
            /<bdi>{printable(part)}</bdi>
          </span>
        ))}
      </span>
    </h1>
  );
  const actions = isGuest ? null : (
    <>
      <button type="button" onClick={() => setWriting(true)}>
        Write
      </button>
      <button type="button" onClick={showDetails} disabled={action.isBusy}>
        Details
      </button>
    </>
  );
  return (
    <div class="fill stream-page">
      <Failure error={action.error} />
      {/* Another link to the same path may grant access that the previous one did not. */}
      <Viewer key={`${link?.signature} ${path}`} path={path} client={client} heading={heading} actions={actions} />
      {row === undefined ? null : (
        <DetailsDialog client={client} row={row} onClose={() => setRow(undefined)} onChanged={() => undefined} />
      )}
      {isWriting ? (
        <Dialog title={<bdi class="mono">{printable(path)}</bdi>} onClose={() => setWriting(false)}>
          <WriteForm client={client} path={path} />
        </Dialog>
      ) : null}
    </div>
  );
}
