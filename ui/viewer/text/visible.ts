/**
 * Replaces characters that are invisible, or that change the position of other text, by symbols, one for one. A
 * displayed line must not be deceptive, and copied text must be harmless when pasted into a terminal. Tabs and the
 * escape character are kept: a tab is shown, an escape begins a colour.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are searched for
  /[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const EACH_UNSEEN = new RegExp(UNSEEN, 'g');

export function visible(text: string): string {
  return UNSEEN.test(text) ? text.replace(EACH_UNSEEN, signOf) : text;
}

function signOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x24_00 + code);
  return code === 0x7f ? '␡' : '\ufffd';
}
