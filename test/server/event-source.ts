/**
 * The parser of an `EventSource`, after WHATWG HTML section 9.2.6, independent of the server's code: what a page would receive
 * from a response.
 */

interface PageEvent {
  type: string;
  data: string;
  lastEventId: string;
}

export interface ParsedEvents {
  events: PageEvent[];
  lastEventId: string;
  retry: number | undefined;
  comments: string[];
}

/** @param lastEventId from an earlier connection */
export function parseEventStream(bytes: Uint8Array, lastEventId = ''): ParsedEvents {
  const text = new TextDecoder().decode(bytes);
  const parsed: ParsedEvents = { events: [], lastEventId, retry: undefined, comments: [] };
  let idBuffer = lastEventId;
  let data: string[] = [];
  let type = '';
  // Text after the last line end is not a line, and a block without a following empty line is not an event.
  const lines = text.split(/\r\n|\r|\n/).slice(0, -1);
  for (const line of lines) {
    if (line === '') {
      parsed.lastEventId = idBuffer;
      if (data.length > 0)
        parsed.events.push({ type: type || 'message', data: data.join('\n'), lastEventId: idBuffer });
      data = [];
      type = '';
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      parsed.comments.push(line.slice(1).trim());
      continue;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? '' : line.slice(colon + 1);
    const value = rest.startsWith(' ') ? rest.slice(1) : rest;
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) idBuffer = value;
    else if (field === 'retry' && /^\d+$/.test(value)) parsed.retry = Number(value);
  }
  return parsed;
}

/** The data of all messages, joined. */
export function messages({ events }: Pick<ParsedEvents, 'events'>): string {
  return events
    .filter(({ type }) => type === 'message')
    .map(({ data }) => data)
    .join('');
}

/** The events other than messages, each with its facts. */
export function facts({ events }: Pick<ParsedEvents, 'events'>): [type: string, facts: Record<string, unknown>][] {
  return events.filter(({ type }) => type !== 'message').map(({ type, data }) => [type, JSON.parse(data)]);
}
