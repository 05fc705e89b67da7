/** The part of NATS' text protocol that the benchmarks need, and of JetStream over it. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** A connection that publishes with acknowledgements, and subscribes. */
export async function natsClient(port) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const listeners = new Map();
  const waiting = new Map();
  let sid = 0;
  let asked = 0;
  let held = Buffer.alloc(0);
  const answers = `i.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const take = (data) => {
    held = held.length === 0 ? data : Buffer.concat([held, data]);
    for (;;) {
      const at = held.indexOf('\r\n');
      if (at < 0) return;
      const words = held.toString('latin1', 0, at).split(' ');
      if (words[0] === 'MSG') {
        const length = Number(words.at(-1));
        const end = at + 2 + length + 2;
        if (held.length < end) return;
        listeners.get(words[2])(held.subarray(at + 2, end - 2), words[1]);
        held = held.subarray(end);
        continue;
      }
      if (words[0] === 'PING') socket.write('PONG\r\n');
      if (words[0] === '-ERR') throw new Error(words.join(' '));
      held = held.subarray(at + 2);
    }
  };
  socket.on('data', take);
  socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
  const subscribe = (subject, onData) => {
    listeners.set(String(++sid), onData);
    socket.write(`SUB ${subject} ${sid}\r\n`);
  };
  subscribe(`${answers}.*`, (bytes, subject) => {
    const number = Number(subject.slice(answers.length + 1));
    waiting.get(number)?.(bytes);
    waiting.delete(number);
  });
  const request = (subject, bytes) =>
    new Promise((resolve) => {
      waiting.set(++asked, resolve);
      socket.cork();
      socket.write(`PUB ${subject} ${answers}.${asked} ${bytes.length}\r\n`);
      socket.write(bytes);
      socket.write('\r\n');
      process.nextTick(() => socket.uncork());
    });
  return { subscribe, request, close: () => socket.destroy() };
}

/** Sends a request to JetStream. An existing stream is not an error. */
export async function requestJetStream(client, subject, body) {
  const answer = await client.request(`$JS.API.${subject}`, Buffer.from(JSON.stringify(body)));
  const { error } = JSON.parse(answer.toString());
  if (error !== undefined && error.err_code !== 10058) throw new Error(error.description);
}
