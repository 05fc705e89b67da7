/** Asks for a token where the server wants one. */
import { useRef } from 'preact/hooks';
import { giveToken, token } from './token.ts';

export function TokenBox() {
  const input = useRef<HTMLInputElement>(null);
  const wasRefused = token.value !== undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    const value = input.current?.value.trim() ?? '';
    if (/^[\x21-\x7e]+$/.test(value)) giveToken(value);
    else input.current?.focus();
  };
  return (
    <section class="token-box" aria-labelledby="token-title">
      <h1 id="token-title">This server asks for a token</h1>
      <p>
        Tokens stand in the server’s configuration under <code>server.tokens</code>. It is kept in this tab until you
        close it, sent with each request, and never part of an address.
      </p>
      <form onSubmit={submit}>
        <label>
          Token
          <input ref={input} type="password" name="token" autocomplete="off" autofocus spellcheck={false} />
        </label>
        <button type="submit" class="primary">
          Go on
        </button>
      </form>
      {wasRefused ? (
        <p class="error" role="alert">
          The server does not know the token that was given.
        </p>
      ) : null}
    </section>
  );
}
