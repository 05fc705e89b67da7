/**
 * The names and formats on the wire, defined once for the server, the client, the command line and the documentation.
 */
export * from './absolute-path.ts';
export * from './content-types.ts';
export * from './durable-streams.ts';
export * from './frames.ts';
export * from './headers.ts';
export * from './media-types.ts';
export * from './parameters.ts';
export type * from './shapes.ts';
export * from './stream-settings.ts';
export * from './websocket.ts';
export * from './words.ts';
