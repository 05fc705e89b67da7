/**
 * The binary format of a framed read (docs/protocol.md, "Frames"): a header of 16 bytes, big-endian, then a payload.
 *
 *     0        1          4                8                        16
 *     │ type   │ reserved │ payload length │ offset of the first byte │ payload …
 */

/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 16;

/** The first byte of a frame's header. */
export const FRAME_TYPES = { data: 1, gap: 2, caughtUp: 3, end: 4, heartbeat: 5, open: 6, header: 7 } as const;

/**
 * In an end frame with the reason shutdown: follows the reason and precedes the milliseconds to wait before
 * reconnecting.
 */
export const END_RETRY_AFTER = 'retry-after-ms=';

/** The maximum payload length of a frame, in bytes. */
export const MAX_FRAME_PAYLOAD_BYTES = 16 * 1024 * 1024;
