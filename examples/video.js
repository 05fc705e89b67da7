/** Plays live video in the browser's own player, which needs only the address of a stream. */
import { pathOr, server } from './settings.js';

const video = document.getElementById('video');
const state = document.getElementById('state');
const address = new URL('/api/v1/files', server);
address.search = new URLSearchParams({ path: pathOr('/streamfs/tv'), stream: 'true' });

/** A player that has failed or lost its connection does not retry by itself. */
const AGAIN_MS = 2000;

function play() {
  video.src = address;
  video.play().catch(() => {});
}

for (const [event, text] of [
  ['playing', 'live'],
  ['waiting', 'waiting for more'],
  ['ended', 'ended'],
]) {
  video.addEventListener(event, () => {
    state.textContent = text;
  });
}
video.addEventListener('error', () => {
  state.textContent = 'no video: trying again';
  setTimeout(play, AGAIN_MS);
});
play();
