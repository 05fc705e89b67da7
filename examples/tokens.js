/**
 * The answer of a language model, as it comes. What has been read is kept with the tab together with the offset of the next
 * byte and the generation of the stream, so a page that is loaded again asks for just the rest.
 */
import { isClientError, StreamFSClient } from 'streamfsd/client';
import { pathOr, server, showState } from './settings.js';

const path = pathOr('/streamfs/answer');
const KEY = `answer ${server} ${path}`;
const client = new StreamFSClient({ url: server });
const answer = document.getElementById('answer');
const encoder = new TextEncoder();

/** Gives why it ended. */
async function read(known) {
  let { text, offset, generation } = known;
  let decoder = new TextDecoder();
  answer.textContent = text;
  const start = generation === undefined ? {} : { offset, generation, onExpired: 'skip' };
  for await (const record of client.follow(path, { ...start, waitForServer: true })) {
    showState(record);
    if (record.type === 'open') {
      generation = record.generation;
      offset = record.offset;
      decoder = new TextDecoder();
    } else if (record.type === 'data') {
      const piece = decoder.decode(record.data, { stream: true });
      text += piece;
      answer.append(piece);
      // Of a character that is not complete nothing is kept: the rest begins with it.
      offset += encoder.encode(piece).length;
      sessionStorage.setItem(KEY, JSON.stringify({ text, offset, generation }));
    } else if (record.type === 'gap') {
      offset = record.to;
    } else if (record.type === 'recreated') {
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
    // Removed: the next answer will have this path.
    if ((await read(known)) !== 'removed') break;
  } catch (error) {
    // What is known is of another answer.
    if (!isClientError(error, 'STREAM_RECREATED')) throw error;
  }
  known = NOTHING;
}
