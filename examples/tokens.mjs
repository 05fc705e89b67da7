/** Stands in for a language model: writes an answer word by word. `node examples/tokens.mjs [SERVER]`, after `npm run build`. */
import { StreamFSClient } from 'streamfsd/client';

const ANSWER = `A stream is a file that only grows, and whose beginning may have been dropped. A reader chooses where to begin,
gets the retained bytes, and then new ones as they arrive. If the connection breaks, or the page is reloaded, the reader asks for
the next byte, and receives nothing twice. The model writes at its own speed, every tab follows, and the server keeps no record of
who has read what. Naïve, perhaps; but it works in the café as well as in the data centre. ✓`;

const WORD_MS = 120;

async function* words() {
  for (const word of ANSWER.split(/(?<=\s)/)) {
    yield new TextEncoder().encode(word);
    await new Promise((resolve) => setTimeout(resolve, WORD_MS));
  }
}

const client = new StreamFSClient({ url: process.argv[2] ?? 'http://localhost:8080' });
await client.remove('/streamfs/answer').catch(() => {});
await client.write('/streamfs/answer', words(), { end: true });
