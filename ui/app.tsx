/** The frame around every view: the navigation, the connection state, and the view itself. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ServerFeed } from './feed/server-feed.ts';
import type { StreamsFeed } from './feed/streams-feed.ts';
import type { Place } from './hash.ts';
import { HealthView } from './health/index.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { listenToKeys } from './keyboard.ts';
import { lazy } from './lazy.tsx';
import { printable } from './printable.ts';
import { here } from './routing.ts';
import { ConnectionState } from './session/connection-state.tsx';
import type { PageClient } from './session/page-client.ts';
import { forgetToken, isTokenWanted, token } from './session/token.ts';
import { TokenBox } from './session/token-box.tsx';
import { StreamsView } from './streams/index.tsx';
import { StreamPage } from './streams/stream-page.tsx';
import { nextTheme, theme } from './theme.ts';

interface Feeds {
  streams: StreamsFeed;
  server: ServerFeed;
}

export function App({ client, feeds }: { client: PageClient; feeds: Feeds }) {
  const { path, place } = here.value;
  // The owner of a link needs no token for the path of the link.
  const isLinked = place === 'stream' && client.link.value?.path === path;
  const isFirst = useRef(true);
  const [isHelpShown, setHelpShown] = useState(false);
  useEffect(() => listenToKeys(() => setHelpShown(true)), []);
  useEffect(() => {
    document.title = titleOf(place, path);
    // The element that had the focus is gone with the previous view: without this, the next one begins at the top.
    if (isFirst.current) isFirst.current = false;
    else if (document.activeElement === document.body) document.getElementById('main')?.focus({ preventScroll: true });
  }, [place, path]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <header class="bar">
        <a class="brand" href="#/" aria-label="StreamFS, all streams">
          <Logo />
          <span>StreamFS</span>
        </a>
        <nav aria-label="Places">
          <Link to="#/" current={place === 'streams' || place === 'stream'}>
            Streams
          </Link>
          <Link to="#/health" current={place === 'health'}>
            Health
          </Link>
          <Link to="#/api" current={place === 'api'}>
            API
          </Link>
        </nav>
        <div class="bar-end">
          <ConnectionState watch={client.watch} />
          {token.value === undefined ? null : (
            <button
              type="button"
              class="quiet"
              onClick={forgetToken}
              aria-label="Forget the token, to enter another one"
            >
              Token ✕
            </button>
          )}
          <button type="button" class="quiet" onClick={nextTheme} aria-label={`Colours: ${theme.value}. Change`}>
            {THEME_SIGNS[theme.value]}
          </button>
          <button type="button" class="quiet help" onClick={() => setHelpShown(true)} aria-label="Keys">
            ?
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {isTokenWanted.value && !isLinked ? <TokenBox /> : <Content client={client} feeds={feeds} />}
      </main>
      {isHelpShown ? <HelpDialog onClose={() => setHelpShown(false)} /> : null}
    </>
  );
}

const TITLES = { streams: 'Streams', health: 'Health', api: 'API', missing: 'Not found' } as const;

/** The name of the tab. */
function titleOf(place: Place, path: string): string {
  return `${place === 'stream' ? printable(path) : TITLES[place]} · StreamFS`;
}

const THEME_SIGNS = { auto: '◐', dark: '☾', light: '☀' } as const;

const ReferenceView = lazy(async () => (await import('./reference/index.tsx')).ReferenceView);

function Content({ client, feeds }: { client: PageClient; feeds: Feeds }) {
  const { place, path } = here.value;
  switch (place) {
    case 'streams':
      return <StreamsView client={client} feed={feeds.streams} />;
    case 'health':
      return <HealthView client={client} feed={feeds.server} />;
    case 'api':
      return <ReferenceView client={client} />;
    case 'stream':
      return <StreamPage path={path} client={client} />;
    case 'missing':
      return (
        <section class="empty">
          <h1>There is nothing at this address</h1>
          <p>
            <a href="#/">All streams</a>
          </p>
        </section>
      );
  }
}

function Link({ to, current, children }: { to: string; current: boolean; children: ComponentChildren }) {
  return (
    <a href={to} aria-current={current ? 'page' : undefined}>
      {children}
    </a>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" class="logo">
      <rect width="32" height="32" rx="7" />
      <path d="M6 11c4-4 7 4 11 0s6-3 9 0M6 17c4-4 7 4 11 0s6-3 9 0M6 23c4-4 7 4 11 0s6-3 9 0" />
    </svg>
  );
}
