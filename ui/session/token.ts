/**
 * The token that the user entered in this tab. It is stored in the tab's session and ends with it. It is sent as a
 * header, and never appears in an address.
 */
import { signal } from '@preact/signals';

const KEY = 'streamfs.token';

export const token = signal<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);

/** Whether the server has refused a request without a token, or with this one. */
export const isTokenWanted = signal(false);

export function giveToken(value: string): void {
  token.value = value;
  sessionStorage.setItem(KEY, value);
  isTokenWanted.value = false;
}

/** Forgets the token, and prompts for another at once. */
export function forgetToken(): void {
  token.value = undefined;
  sessionStorage.removeItem(KEY);
  isTokenWanted.value = true;
}
