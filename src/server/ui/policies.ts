/** What documents of the page may do in a browser: run its own scripts, ask its own server, and nothing else. */

/** Directives that hold for every document of the page. */
const COMMON = {
  'default-src': "'none'",
  'script-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'require-trusted-types-for': "'script'",
  // No policy of trusted types can be made: nothing in the page turns a text into markup or code.
  'trusted-types': "'none'",
};

/** Of the page itself. */
const PAGE = policy({
  ...COMMON,
  'style-src': "'self'",
  'img-src': "'self' blob: data:",
  'media-src': "'self' blob:",
  'frame-src': "'self'",
  'frame-ancestors': "'none'",
});

/** The terminal makes style elements, so it is a document of its own, which nothing but the page may show in a frame. */
const TERMINAL = policy({
  ...COMMON,
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'frame-ancestors': "'self'",
});

/** Of files that are no documents: opened by themselves they are text or an image. */
const ASSET = "default-src 'none'; frame-ancestors 'none'";

export function policyOf(name: string): string {
  if (name === 'terminal.html') return TERMINAL;
  return name.endsWith('.html') ? PAGE : ASSET;
}

function policy(directives: Readonly<Record<string, string>>): string {
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
