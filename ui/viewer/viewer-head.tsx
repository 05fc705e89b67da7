/** The head above every view: the stream, the view, where it begins, and actions on the whole stream. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { useAction } from '../dialog/use-action.ts';
import { Failure } from '../failure.tsx';
import { streamHash } from '../hash.ts';
import { isNarrow } from '../narrow.ts';
import type { PageClient } from '../session/page-client.ts';
import { Menu } from './menu.tsx';
import { VIEWS, type ViewName, type ViewState, viewStateQuery } from './view-state.ts';

export interface ViewerHeadProps {
  client: PageClient;
  path: string;
  heading: ComponentChildren;
  actions: ComponentChildren;
  state: ViewState;
  /** The view chosen automatically. */
  auto: ViewName | undefined;
  change: (change: Partial<ViewState>) => void;
}

const VIEW_NAMES: Record<ViewName, string> = {
  log: 'Log',
  terminal: 'Terminal',
  json: 'JSON',
  hex: 'Hex',
  image: 'Image',
  media: 'Media',
};

export function ViewerHead({ actions, auto, change, client, heading, path, state }: ViewerHeadProps) {
  const [shared, setShared] = useState<string>();
  const action = useAction();
  return (
    <header class="stream-bar viewer-head">
      {heading}
      <div class="viewer-actions">
        <select
          aria-label="View"
          value={state.view ?? ''}
          onChange={(event) => change({ view: VIEWS.find((each) => each === event.currentTarget.value) })}
        >
          <option value="">{auto === undefined ? 'Auto' : `Auto: ${VIEW_NAMES[auto]}`}</option>
          {VIEWS.map((each) => (
            <option key={each} value={each}>
              {VIEW_NAMES[each]}
            </option>
          ))}
        </select>
        <StartSelect state={state} change={change} />
        <Menu label="More" sign="⋯">
          <button type="button" onClick={() => action.run(() => download(client, path))}>
            Download
          </button>
          <button
            type="button"
            onClick={() => action.run(async () => setShared(await sharedAddress(client, path, state)))}
          >
            Share
          </button>
          {actions}
        </Menu>
      </div>
      <Failure error={action.error} />
      {shared === undefined ? null : <Shared address={shared} onClose={() => setShared(undefined)} />}
    </header>
  );
}

/** Where the view begins: a few choices, or an offset. */
function StartSelect({ change, state }: Pick<ViewerHeadProps, 'change' | 'state'>) {
  const { start } = state;
  const [isOffset, setOffset] = useState(start.type === 'offset');
  const field = useRef<HTMLInputElement>(null);
  const choose = (value: string) => {
    setOffset(value === 'offset');
    if (value === 'offset') setTimeout(() => field.current?.focus());
    else if (value === 'recent' || value === 'earliest' || value === 'live') change({ start: { type: value } });
  };
  const go = (event: Event) => {
    event.preventDefault();
    const offset = Number(field.current?.value.replace(/[ ,._]/g, ''));
    if (field.current?.value !== '' && Number.isSafeInteger(offset) && offset >= 0) {
      change({ start: { type: 'offset', offset } });
    }
  };
  return (
    <form class="start" onSubmit={go}>
      <select
        aria-label="Where to begin"
        value={isOffset || start.type === 'offset' ? 'offset' : start.type}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        <option value="recent">Recent</option>
        <option value="earliest">From the start</option>
        <option value="live">Only what comes</option>
        <option value="offset">From offset …</option>
      </select>
      {isOffset || start.type === 'offset' ? (
        <>
          <input
            ref={field}
            class="offset-field"
            inputMode="numeric"
            aria-label="Offset in bytes"
            placeholder="bytes"
            defaultValue={start.type === 'offset' ? String(start.offset) : ''}
          />
          <button type="submit">Go</button>
        </>
      ) : null}
    </form>
  );
}

function Shared({ address, onClose }: { address: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(address);
      setCopied(true);
    } catch {
      setCopied(document.execCommand('copy'));
    }
  };
  return (
    <div class="shared">
      <label>
        <span>
          Anybody who can reach this server can open it{address.includes('signature=') ? ', for an hour' : ''}
        </span>
        <input
          ref={field}
          readOnly
          value={address}
          data-testid="shared"
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <button type="button" class="primary" onClick={() => void copy()}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
      <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
        ✕
      </button>
    </div>
  );
}

/** Downloads all retained bytes as a file: the browser fetches them by itself. */
async function download(client: PageClient, path: string): Promise<void> {
  const anchor = document.createElement('a');
  anchor.href = await client.addressOf(path, { snapshot: true });
  anchor.download = path.split('/').at(-1) || 'stream';
  anchor.click();
}

/**
 * The address of the page with this view. If tokens are required, it contains a signature that makes this path readable
 * for a limited time, and no token.
 */
async function sharedAddress(client: PageClient, path: string, state: ViewState): Promise<string> {
  const readable = new URL(await client.addressOf(path)).searchParams;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(viewStateQuery(state, isNarrow.peek()))) {
    if (value !== undefined) query.set(name, value);
  }
  for (const name of ['expires', 'signature']) {
    const value = readable.get(name);
    if (value !== null) query.set(name, value);
  }
  return new URL(streamHash(path, query), location.href.split('#')[0]).href;
}
