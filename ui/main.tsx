/** The entry point: creates the client and renders the app. */
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { App } from './app.tsx';
import { ServerFeed } from './feed/server-feed.ts';
import { StreamsFeed } from './feed/streams-feed.ts';
import { here } from './routing.ts';
import { PageClient } from './session/page-client.ts';

// The page is at <base>/ui/; a proxy may add a prefix to it.
const client = new PageClient(new URL('..', location.href.split('#')[0]).href.replace(/\/$/, ''));

// A shared address contains a signature that makes one path readable without a token, even if the tab already shows the
// page.
effect(() => {
  const { path, state } = here.value;
  const [expires, signature] = [state.get('expires'), state.get('signature')];
  if (path !== '' && expires !== null && signature !== null && client.link.peek()?.signature !== signature) {
    client.link.value = { path, expires, signature };
  }
});

client.watch.start();
const feeds = { streams: new StreamsFeed(client.api), server: new ServerFeed(client.api) };
render(<App client={client} feeds={feeds} />, document.getElementById('app')!);
