/**
 * Characters that would not show, or would make other text show elsewhere, replaced by signs, one for one: a line of a
 * stream must look like what it is, and what is copied must do nothing in the terminal it is pasted into. Tabs and the
 * escape character are left: the first is shown, the second begins a colour.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
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
