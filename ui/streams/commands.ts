/** Commands for a stream, to be copied into a shell or a page. */

export interface Command {
  label: string;
  text: string;
}

export interface CommandContext {
  /** Of the server. */
  url: string;
  /** Its content type; empty for none. */
  type: string;
  /** The server asks for tokens: commands take one from the environment. */
  needsToken: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

export function commandsFor(path: string, { url, type, needsToken }: CommandContext): Command[] {
  const at = url === DEFAULT_URL ? '' : `--url ${quoted(url)} `;
  const address = contentAddress(url, path);
  const header = needsToken ? ' -H "Authorization: Bearer $STREAMFS_TOKEN"' : '';
  const commands = [
    { label: 'Follow it', text: `streamfs ${at}cat --stream ${quoted(path)}` },
    { label: 'Follow it with curl', text: `curl -N${header} ${quoted(`${address}&stream=true`)}` },
    { label: 'Write to it', text: `date | streamfs ${at}write --stream ${quoted(path)}` },
    { label: 'Write to it with curl', text: `date | curl -T -${header} ${quoted(address)}` },
  ];
  const element = elementFor(type);
  if (element !== undefined && !needsToken) {
    commands.push({ label: 'Show it in a page', text: element(markup(`${address}&stream=true`)) });
  }
  return commands;
}

/** The content of a path; slashes may stand in a query as they are, and are easier to read. */
export function contentAddress(url: string, path: string): string {
  return `${url}/api/v1/files?path=${encodeURIComponent(path).replaceAll('%2F', '/')}`;
}

/** As one word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w/.:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function elementFor(type: string): ((address: string) => string) | undefined {
  if (type.startsWith('video/')) return (address) => `<video src="${address}" controls autoplay muted></video>`;
  if (type.startsWith('audio/')) return (address) => `<audio src="${address}" controls></audio>`;
  if (type.startsWith('image/') || type.startsWith('multipart/')) return (address) => `<img src="${address}" alt="">`;
  return undefined;
}

/** As the value of an attribute. */
function markup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
