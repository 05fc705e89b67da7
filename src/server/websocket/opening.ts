/** The start of a read: the response to the handshake, and the record with the first offset. */
import { CLOSE_CODES, HEADERS, WEBSOCKET_SUBPROTOCOLS } from '../../protocol/index.ts';
import type { SendOptions } from '../egress/index.ts';
import { openFrame } from '../encoding/index.ts';
import type { Exchange, UpgradeOffer } from '../http/route.ts';
import { messageFrame, recordFrame } from './frame-writer.ts';
import { acceptHandshake, type Handshake } from './handshake.ts';

/** The close reason for a peer that sends messages on a connection that reads. */
export const READS_ONLY = {
  code: CLOSE_CODES.unsupportedData,
  reason: 'this connection reads: to write, open one with mode=write',
};

export interface WebSocketRead {
  readonly exchange: Exchange;
  readonly offer: UpgradeOffer;
  readonly handshake: Handshake;
  readonly sending: SendOptions;
  /** Called when the read is over. */
  readonly leave: () => void;
}

export function open(
  { exchange, offer: { socket }, handshake }: WebSocketRead,
  offset: number,
  generation: string | undefined,
  type: string,
  header?: number,
): void {
  socket.cork();
  acceptHandshake(exchange, handshake, {
    [HEADERS.streamOffset]: offset,
    ...(generation === undefined ? {} : { [HEADERS.streamGeneration]: generation }),
  });
  socket.write(
    handshake.subprotocol === WEBSOCKET_SUBPROTOCOLS.frames
      ? messageFrame(openFrame(offset, generation, type), 'binary')
      : recordFrame({ type: 'open', offset, generation, content_type: type, header }),
  );
  socket.uncork();
}
