/** The files of the library for one algorithm each: the whole library is ten times as large. */
declare module 'hash-wasm/dist/md5.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createMD5'>;
  export default library;
}

declare module 'hash-wasm/dist/xxhash128.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createXXHash128'>;
  export default library;
}
