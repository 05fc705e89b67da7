/**
 * The text of `/README` in every mount (contract 42, 86), generated from the same list of parameters as the defaults.
 */
import { MAX_CHUNK } from '../../core/index.ts';
import { formatSize } from '../../units/index.ts';
import { CONFIG_PARAMETERS } from './settings.ts';

const parameters = CONFIG_PARAMETERS.map(
  ({ name, default: value, description }) =>
    `  ${name}${value === '' ? '' : ` (default ${value})`}\n      ${description}`,
).join('\n');

export const README = `StreamFS - byte streams as files, broadcast

Anyone appends to a path; any number of readers follow it live. A late joiner first gets what the ring still
holds. A slow reader never delays the writer or other readers: it loses data, and gets an exact report of the loss.

WRITE
  ffmpeg ... | streamfs write --stream /streamfs/live
  ffmpeg ... | curl -T - 'http://127.0.0.1:8080/api/v1/files?path=/streamfs/live'
  A path that does not exist is created. Every write appends, whatever its offset and flags.
  A body with a known length of up to ${formatSize(MAX_CHUNK)} is one piece, never mixed with another writer's. A longer body,
  or one of unknown length, is divided into pieces as it arrives; atomic=lines keeps lines whole instead.

READ
  streamfs cat --stream /streamfs/live | mpv -
  curl -N 'http://127.0.0.1:8080/api/v1/files?path=/streamfs/live&stream=true'
  Reading without stream mode fails: a program that reads a file in order to append to it would otherwise write the
  whole history again. snapshot=true gives what the ring holds now.
  Where to start: from=earliest (default), from=live, offset=N, last=64KB, last_lines=10.

MANAGE
  streamfs ls /streamfs        streamfs stat /streamfs/live
  streamfs end /streamfs/live  no more writes; readers get the remaining bytes, then the end; history stays readable
  streamfs rm /streamfs/live   end it and forget it
  Names may have slashes: writing /streamfs/a/b creates the directory a, which disappears with its last stream.

CONFIGURATION
  plugins:
    streamfs:
      enabled: true
      path: /streamfs
      config:
        ring_buffer_size: 6MB
        channel_buffer_size: 6MB

${parameters}

  Sizes are bytes, or a number with a unit: 512KB, 1.5MB (1KB = 1024).

SIZES
  Live, with little delay: 256KB to 512KB for both. Recorded material, or readers that come and go: 4MB to 8MB.
  The ring determines how much a late joiner gets, the channel how far a reader may fall behind before it loses data.

WHEN A READER IS TOO SLOW (on_lag, for the mount or for one reader)
  drop-oldest  it continues at the oldest byte that it may still read (default)
  drop-newest  it keeps what is queued, and loses what arrives in the meantime
  disconnect   it is cut off
  block        writers wait for it, for at most block_timeout; then it is cut off
  Every loss is counted: in stat, in the reader's own response (a trailer, or a gap record) and in the log.

MEMORY
  The size shown by ls and stat is the total ever written, not the bytes retained.
  A stream holds at most the larger of ring and channel, and three blocks more: one so that a joiner loses nothing
  before its first read, and one at each end that is partly in use. A block is a quarter of that size, at most 256KB.
  The index of chunks takes another eighth. A stream takes memory as it fills.
  All readers share the same bytes: one more costs a few KB, however far it is behind; one whose peer has stopped
  reading retains what its connection has accepted, at most 512KB. Only a reader with drop-newest
  that has stopped retains a separate queue, of at most channel_buffer_size.
  The server's max_memory bounds all streams together. When it is reached, the largest streams drop their oldest
  history. No write is refused for that, and a reader that had not received that history yet gets a report of its loss.
  Without persist, nothing is on disk: streams are gone with the server. Offsets are exact up to
  2^53 - 1 bytes (104 days at 1 GB/s); a stream that gets there refuses further writes and has to be recreated.

TROUBLESHOOTING
  "use stream mode for reading stream files": use cat --stream, or stream=true.
  A reader ends: the stream was ended or removed, or the server went down; or nothing was written for idle_timeout.
  It is cut off if it accepts no data for the server's stall_timeout.
  "stream is closed": it was ended. Remove it, then write again: it gets a new generation.
  Gaps: the reader, or the network to it, is slower than the writer. Raise channel_buffer_size, or write less.
`;
