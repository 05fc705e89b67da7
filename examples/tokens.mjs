/** Stands in for a language model: writes an answer word by word. `node examples/tokens.mjs [SERVER]`, after `npm run build`. */
import { StreamFSClient } from 'streamfsd/client';

const ANSWER = `A stream is a file that only grows, and of which the beginning may be gone. Whoever reads it says where to begin,
gets what is there, and then what comes. If the connection breaks, or the page is loaded again, the reader says which byte is
next, and nothing is told twice. That is all there is to it: the model writes as fast as it thinks, every tab reads along, and
no one has to keep a list of who has seen what. Naïve, perhaps; but it works in the café as well as in the data centre. ✓`;

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
