/** Content security policies of the page: its documents may run their own scripts, and access their own server. */

/** Directives of every document of the page. */
const COMMON = {
  'default-src': "'none'",
  'script-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'require-trusted-types-for': "'script'",
  // No trusted types policy can be created: nothing in the page turns text into markup or code.
  'trusted-types': "'none'",
};

/** The policy of the page itself. */
const PAGE = policy({
  ...COMMON,
  'style-src': "'self'",
  'img-src': "'self' blob: data:",
  'media-src': "'self' blob:",
  'frame-src': "'self'",
  'frame-ancestors': "'none'",
});

/** The terminal creates style elements, so it is a separate document, which only the page may show in a frame. */
const TERMINAL = policy({
  ...COMMON,
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'frame-ancestors': "'self'",
});

/** The policy of files that are not documents: opened directly they are text or an image. */
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
