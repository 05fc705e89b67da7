/** The page, from its parts: one client, one place to show. */
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

// The page is at <base>/ui/, wherever a proxy may have put that.
const client = new PageClient(new URL('..', location.href.split('#')[0]).href.replace(/\/$/, ''));

// A shared address brings what makes one path readable without a token, also where it is opened in a tab that has the page.
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
