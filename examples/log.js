/** Shows the last lines of a log and follows it; losses are shown where they happened. */
import { StreamFSClient } from 'streamfsd/client';
import { pathOr, server, showState } from './settings.js';

const MAX_LINES = 2000;

const client = new StreamFSClient({ url: server });
const log = document.getElementById('log');
const decoder = new TextDecoder();
let rest = '';

/** Uses `textContent`, so content of the stream never becomes markup. */
function add(text, className = '') {
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  const line = document.createElement('div');
  line.textContent = text;
  line.className = className;
  log.append(line);
  while (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

for await (const record of client.follow(pathOr('/streamfs/log'), { lastLines: 200, waitForServer: true })) {
  showState(record);
  if (record.type === 'data') {
    const lines = (rest + decoder.decode(record.data, { stream: true })).split('\n');
    rest = lines.pop();
    for (const line of lines) add(line);
  } else if (record.type === 'gap') {
    add(`${record.to - record.from} bytes lost`, 'lost');
  } else if (record.type === 'recreated') {
    add('a new log', 'lost');
  }
}
