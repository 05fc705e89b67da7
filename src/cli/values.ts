/** The placeholders of values in the help of options and arguments, and the values they allow. */
export const VALUES: readonly { name: string; meaning: string }[] = [
  { name: 'path', meaning: 'a path on the server, such as /streamfs/log' },
  { name: 'file', meaning: 'a local file' },
  { name: 'dir', meaning: 'a local directory' },
  { name: 'duration', meaning: 'seconds, or a number with ms, s, m or h, such as 30s' },
  { name: 'size', meaning: 'bytes, or a number with B, KB, MB, GB or TB, such as 64KB (1 KB is 1024 bytes)' },
  {
    name: 'content-type',
    meaning: 'a media type, such as audio/ogg or text/plain; one of the list in the reference',
  },
  { name: 'n', meaning: 'a whole number' },
  { name: 'host:port', meaning: 'where to listen; a port alone means loopback' },
  { name: 'id', meaning: 'the id of a reader, as streamfs readers prints it' },
  { name: 'name', meaning: 'the name of a server, as streamfs readers prints it under NODE' },
];
