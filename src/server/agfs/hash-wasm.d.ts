/** The library's files of one algorithm each: the whole of it is ten times as large, and none of the rest is needed. */
declare module 'hash-wasm/dist/md5.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createMD5'>;
  export default library;
}

declare module 'hash-wasm/dist/xxhash128.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createXXHash128'>;
  export default library;
}
