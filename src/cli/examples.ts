/**
 * Examples of the commands, for help, the manual and the reference. A test checks that each command accepts its
 * examples.
 */

export interface Example {
  /** As typed in a shell. */
  line: string;
  /** Its effect, as a sentence without a full stop. */
  does: string;
}

const example = (line: string, does: string): Example => ({ line, does });

export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  serve: [
    example('streamfs serve --addr 9000', 'Serves on port 9000 of this machine alone'),
    example('streamfs serve -c /etc/streamfs/config.yaml', 'Serves as a file says'),
  ],
  write: [
    example(
      'make 2>&1 | streamfs write --stream --end /streamfs/build',
      'Streams the output of a build, and ends the stream with it',
    ),
    example(
      'tail -F app.log | streamfs write --stream --atomic lines /streamfs/log',
      'Appends lines as one of several writers',
    ),
  ],
  exec: [
    example(
      'streamfs exec --tee /streamfs/build -- make -j4',
      'Runs make, prints its output here too, and exits with its status',
    ),
    example(
      'streamfs exec --lines --split /streamfs/job -- ./job.sh',
      'Streams the two outputs separately, to /streamfs/job.out and /streamfs/job.err',
    ),
  ],
  cat: [
    example('streamfs cat --stream /streamfs/tv | mpv -', 'Plays the retained data, then live data'),
    example(
      'streamfs cat --stream --from live --timeout 30s /streamfs/log',
      'Prints new data, until none has arrived for 30 s',
    ),
  ],
  tail: [
    example('streamfs tail -n 20 /streamfs/log', 'Prints the last 20 lines'),
    example('streamfs tail -f --prefix /streamfs/a /streamfs/b', 'Follows two streams, each line with its path'),
  ],
  ls: [
    example('streamfs ls -l /streamfs', 'Lists the streams and how they are'),
    example('streamfs --json ls /', 'Lists the mounts, for a program'),
  ],
  stat: [
    example('streamfs stat /streamfs/log', 'Prints size, state, readers and offsets of a stream'),
    example('streamfs --json stat /streamfs/log', 'The same, exactly and for a program'),
  ],
  create: [
    example(
      'streamfs create --ring 64MB --ttl 1h /streamfs/log',
      'Creates a stream that retains 64 MB and expires when unused',
    ),
    example('streamfs create --type audio/ogg /streamfs/radio', 'Makes a stream that a browser plays'),
  ],
  touch: [
    example('streamfs touch /streamfs/log', 'Makes a stream'),
    example('streamfs touch /memfs/a /memfs/b', 'Makes two files, or moves their time to now'),
  ],
  rm: [
    example('streamfs rm /streamfs/log', 'Ends and removes a stream'),
    example('streamfs rm -r /streamfs/builds', 'Removes all streams below a path'),
  ],
  end: [
    example('streamfs end /streamfs/log', 'Ends a stream: its readers get the rest, then the end'),
    example('streamfs end /streamfs/a /streamfs/b', 'Ends two'),
  ],
  mkdir: [
    example('streamfs mkdir /memfs/data', 'Makes a directory'),
    example('streamfs mkdir --mode 750 /memfs/data', 'Makes one with these permission bits'),
  ],
  link: [
    example('streamfs link --for 2h /streamfs/tv', 'Prints an address that plays the stream for two hours'),
    example('streamfs link --right write /streamfs/inbox', 'Prints an address that writes to it'),
  ],
  readers: [
    example('streamfs readers /streamfs', 'Lists the readers below a path'),
    example('streamfs --json readers', 'Lists all, for a program'),
  ],
  top: [
    example('streamfs top', 'Shows all streams, the busiest first'),
    example('streamfs top --sort lag /streamfs', 'Shows those below a path, the one with the slowest reader first'),
  ],
  kick: [example('streamfs kick 17', 'Disconnects reader 17'), example('streamfs kick 17 18', 'Disconnects two')],
  mounts: [
    example('streamfs mounts', 'Lists the mounts'),
    example('streamfs --json mounts', 'The same, with configurations, for a program'),
  ],
  mount: [
    example('streamfs mount streamfs /live ring_buffer_size=512KB', 'Mounts streams with small rings at /live'),
    example('streamfs mount memfs /scratch', 'Mounts files in memory'),
  ],
  unmount: [
    example('streamfs unmount /live', 'Unmounts /live: its streams end'),
    example('streamfs --quiet unmount /scratch', 'The same, without a note'),
  ],
  health: [
    example('streamfs health', 'Prints the health of the server'),
    example('streamfs --quiet health', 'Shows only by its exit code whether the server is ready'),
  ],
  log: [
    example('streamfs log check /var/lib/streamfs', 'Reads a whole log, and exits with 8 if something is damaged'),
    example(
      'streamfs log dump --raw /var/lib/streamfs /live',
      'Prints the retained bytes of a stream, without a server',
    ),
  ],
  completion: [
    example('source <(streamfs completion bash)', 'Completes commands, paths and more in this shell'),
    example('streamfs completion --install', 'Completes them in every new shell'),
  ],
};
