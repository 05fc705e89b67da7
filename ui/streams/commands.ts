/** Commands for a stream, to be copied into a shell or a web page. */
import { DEFAULT_URL } from '../../src/client/index.ts';

export interface Command {
  label: string;
  text: string;
}

export interface ServerContext {
  url: string;
  /** The server requires tokens: commands take one from the environment. */
  needsToken: boolean;
}

export interface CommandContext extends ServerContext {
  /** The content type of the stream; empty for none. */
  type: string;
}

export function commandsFor(path: string, context: CommandContext): Command[] {
  const address = contentAddress(context.url, path);
  const commands = [
    { label: 'Follow it', text: `${streamfs(context)} cat --stream ${quoted(path)}` },
    { label: 'Follow it with curl', text: `curl -N${header(context)} ${quoted(`${address}&stream=true`)}` },
    { label: 'Write to it', text: writeCommand('date', path, context) },
    { label: 'Write to it with curl', text: curlWriteCommand('date', path, context) },
  ];
  const element = elementFor(context.type);
  if (element !== undefined && !context.needsToken) {
    commands.push({ label: 'Show it in a page', text: element(markup(`${address}&stream=true`)) });
  }
  return commands;
}

/** A command that writes the output of `source`. */
export function writeCommand(source: string, path: string, context: ServerContext): string {
  return `${source} | ${streamfs(context)} write --stream ${quoted(path)}`;
}

export function curlWriteCommand(source: string, path: string, context: ServerContext): string {
  return `${source} | curl -T -${header(context)} ${quoted(contentAddress(context.url, path))}`;
}

function streamfs({ url }: ServerContext): string {
  return url === DEFAULT_URL ? 'streamfs' : `streamfs --url ${quoted(url)}`;
}

function header({ needsToken }: ServerContext): string {
  return needsToken ? ' -H "Authorization: Bearer $STREAMFS_TOKEN"' : '';
}

/** The address of the content of a path. Slashes are allowed unencoded in a query, and are easier to read. */
export function contentAddress(url: string, path: string): string {
  return `${url}/api/v1/files?path=${encodeURIComponent(path).replaceAll('%2F', '/')}`;
}

/** Quotes a word for a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w/.:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A page of another origin needs the `crossorigin` attribute, and its origin must be configured on the server. */
function elementFor(type: string): ((address: string) => string) | undefined {
  if (type.startsWith('video/'))
    return (address) => `<video src="${address}" crossorigin controls autoplay muted></video>`;
  if (type.startsWith('audio/')) return (address) => `<audio src="${address}" crossorigin controls></audio>`;
  if (type.startsWith('image/') || type.startsWith('multipart/'))
    return (address) => `<img src="${address}" crossorigin alt="">`;
  return undefined;
}

/** Escapes a text for an attribute value. */
function markup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
