/** What stands for a value in the help of options and arguments, and what may be given there. */
export const VALUES: readonly { name: string; meaning: string }[] = [
  { name: 'path', meaning: 'a path on the server, such as /streamfs/log' },
  { name: 'file', meaning: 'a file of this machine' },
  { name: 'dir', meaning: 'a directory of this machine' },
  { name: 'duration', meaning: 'seconds, or a number with ms, s, m or h, such as 30s' },
  { name: 'size', meaning: 'bytes, or a number with B, KB, MB, GB or TB, such as 64KB (1 KB is 1024 bytes)' },
  {
    name: 'content-type',
    meaning: 'what the bytes are, such as audio/ogg or text/plain; one of the list in the reference',
  },
  { name: 'n', meaning: 'a whole number' },
  { name: 'host:port', meaning: 'where to listen; a port alone is one of this machine' },
  { name: 'id', meaning: 'the number of a reader, as streamfs readers gives it' },
];
