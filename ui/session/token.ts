/**
 * The token that the user of this tab has given. It is kept with the tab and ends with it; it is sent as a header and
 * stands in no address.
 */
import { signal } from '@preact/signals';

const KEY = 'streamfs.token';

export const token = signal<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);

/** Whether the server has refused to answer without a token, or with this one. */
export const isTokenWanted = signal(false);

export function giveToken(value: string): void {
  token.value = value;
  sessionStorage.setItem(KEY, value);
  isTokenWanted.value = false;
}

/** The next one is asked for at once. */
export function forgetToken(): void {
  token.value = undefined;
  sessionStorage.removeItem(KEY);
  isTokenWanted.value = true;
}
