/** The query parameters of a page, and the display of its connection state. */
const query = new URLSearchParams(location.search);

export const server = query.get('server') ?? 'http://localhost:8080';

export const pathOr = (path) => query.get('path') ?? path;

/** Shows the connection state that a record of `follow` implies. */
export function showState(record) {
  const state = document.getElementById('state');
  if (record.type === 'open') state.textContent = 'reading';
  else if (record.type === 'caught-up') state.textContent = 'live';
  else if (record.type === 'reconnecting')
    state.textContent = `cut, trying again in ${Math.ceil(record.delay / 1000)} s`;
  else if (record.type === 'end') state.textContent = `ended (${record.reason})`;
}
