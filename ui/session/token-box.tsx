/** Prompts for a token if the server requires one. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Failure } from '../failure.tsx';
import { giveToken, token } from './token.ts';

const MISSING = 'Paste or type the token first.';
const INVALID = 'This is not a token: a token consists of visible ASCII characters, without spaces.';
const REFUSED = 'The server does not know the token that was given. It may be mistyped, or may have been revoked.';

export function TokenBox() {
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState(token.value === undefined ? undefined : REFUSED);
  // Browsers apply `autofocus` once per page, and this is shown again after a refused token. Before it is painted, so
  // that no key is lost.
  useLayoutEffect(() => input.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const value = input.current?.value.trim() ?? '';
    if (/^[\x21-\x7e]+$/.test(value)) return giveToken(value);
    setProblem(value === '' ? MISSING : INVALID);
    input.current?.focus();
  };
  return (
    <section class="token-box" aria-labelledby="token-title">
      <h1 id="token-title">This server requires a token</h1>
      <p>
        Its operator can give you one: tokens are configured under <code>server.tokens</code>. This tab keeps yours
        until you close it, and sends it with each request; it is never part of an address. Another tab asks again.
      </p>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            ref={input}
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            aria-invalid={problem !== undefined}
          />
        </label>
        <button type="submit" class="primary">
          Continue
        </button>
      </form>
      <Failure error={problem} />
    </section>
  );
}
