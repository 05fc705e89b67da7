/** Creates a signed link, with which anyone can read or write one path for a limited time without a token. */
import { useState } from 'preact/hooks';
import { isClientError } from '../../src/client/index.ts';
import { Copyable } from '../dialog/copyable.tsx';
import { useAction } from '../dialog/use-action.ts';
import { Failure } from '../failure.tsx';
import { streamHash } from '../hash.ts';
import type { PageClient } from '../session/page-client.ts';
import { contentAddress } from '../streams/commands.ts';

const LIFETIMES = [
  { title: 'a quarter of an hour', milliseconds: 15 * 60_000 },
  { title: 'an hour', milliseconds: 3_600_000 },
  { title: 'a day', milliseconds: 86_400_000 },
] as const;

interface Made {
  address: string;
  /** Address of this page with the link; only for links that grant reading. */
  page: string | undefined;
  until: string | undefined;
}

export function LinkMaker({ client, path }: { client: PageClient; path: string }) {
  const [right, setRight] = useState<'read' | 'write'>('read');
  const [lifetime, setLifetime] = useState<number>(LIFETIMES[1].milliseconds);
  const [made, setMade] = useState<Made>();
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => setMade(await makeLink(client, path, right, lifetime)));
  };
  return (
    <form class="dialog-form" onSubmit={submit}>
      <div class="fields">
        <label class="field">
          <span>It lets</span>
          <select value={right} onChange={(event) => setRight(event.currentTarget.value as 'read' | 'write')}>
            <option value="read">read</option>
            <option value="write">write</option>
          </select>
        </label>
        <label class="field">
          <span>For</span>
          <select value={String(lifetime)} onChange={(event) => setLifetime(Number(event.currentTarget.value))}>
            {LIFETIMES.map(({ title, milliseconds }) => (
              <option key={milliseconds} value={String(milliseconds)}>
                {title}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Failure error={action.error} />
      <div class="buttons">
        <button type="submit" class="primary" disabled={action.isBusy}>
          Make a link
        </button>
      </div>
      {made === undefined ? null : (
        <div role="status">
          <p class="muted">
            {made.until === undefined
              ? 'This server requires no token, so the plain address is the link.'
              : `Good until ${made.until}, for this path only.`}
          </p>
          {made.page === undefined ? null : <Copyable label="For this page" text={made.page} />}
          <Copyable label="For programs" text={made.address} />
        </div>
      )}
    </form>
  );
}

async function makeLink(client: PageClient, path: string, right: 'read' | 'write', expiresIn: number): Promise<Made> {
  const page = `${client.origin}/ui/`;
  try {
    const link = await client.api.createLink(path, { right, expiresIn });
    const { searchParams } = new URL(link.url);
    const state = new URLSearchParams({
      expires: searchParams.get('expires') ?? '',
      signature: searchParams.get('signature') ?? '',
    });
    return {
      address: link.url,
      page: right === 'read' ? page + streamHash(path, state) : undefined,
      until: new Date(link.expires_at).toLocaleString(),
    };
  } catch (error) {
    if (!isClientError(error, 'NO_LINKS')) throw error;
    const address = `${contentAddress(client.origin, path)}${right === 'read' ? '&stream=true' : ''}`;
    return { address, page: right === 'read' ? page + streamHash(path) : undefined, until: undefined };
  }
}
