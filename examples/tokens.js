/**
 * Shows the answer of a language model as it arrives. The text read so far is kept in session storage together with the offset
 * of the next byte and the generation of the stream, so a reloaded page requests only the rest.
 */
import { isClientError, StreamFSClient } from 'streamfsd/client';
import { pathOr, server, showState } from './settings.js';

const path = pathOr('/streamfs/answer');
const KEY = `answer ${server} ${path}`;
const client = new StreamFSClient({ url: server });
const answer = document.getElementById('answer');
const encoder = new TextEncoder();

/** Keeps a byte order mark, so that the text has as many bytes as were read. */
const newDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true });

/** Returns the reason for which the stream ended. */
async function read(known) {
  let { text, offset, generation } = known;
  let decoder = newDecoder();
  /** Bytes of a character that is not complete yet: the decoder has them, the text does not. */
  let held = 0;
  answer.textContent = text;
  const start = generation === undefined ? {} : { offset, generation, onExpired: 'skip' };
  for await (const record of client.follow(path, { ...start, waitForServer: true })) {
    showState(record);
    if (record.type === 'open') {
      generation = record.generation;
    } else if (record.type === 'data') {
      const piece = decoder.decode(record.data, { stream: true });
      text += piece;
      answer.append(piece);
      held += record.data.length - encoder.encode(piece).length;
      // After a reload, reading resumes at the start of an incomplete character.
      offset = record.offset + record.data.length - held;
      sessionStorage.setItem(KEY, JSON.stringify({ text, offset, generation }));
    } else if (record.type === 'gap' || record.type === 'recreated') {
      decoder = newDecoder();
      held = 0;
      if (record.type === 'gap') continue;
      text = '';
      answer.textContent = '';
    } else if (record.type === 'end') {
      return record.reason;
    }
  }
}

const NOTHING = { text: '', offset: 0, generation: undefined };
let known = JSON.parse(sessionStorage.getItem(KEY)) ?? NOTHING;
while (true) {
  try {
    // After a removal, the next answer will have the same path.
    if ((await read(known)) !== 'removed') break;
  } catch (error) {
    // The stored text belongs to an earlier answer.
    if (!isClientError(error, 'STREAM_RECREATED')) throw error;
  }
  known = NOTHING;
}
