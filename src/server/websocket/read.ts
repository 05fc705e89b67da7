/** A live read over WebSocket: a sink serves the reader as usual, and runs are encoded once for all readers. */
import { internalOf } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import type { StreamSource } from '../../fs/index.ts';
import { WEBSOCKET_SUBPROTOCOLS } from '../../protocol/index.ts';
import { contentOffsetOf, joinOf, sendingOf, streamOptions } from '../agfs/stream-options.ts';
import { firstOffset, type LiveSource, type Sink, startLive } from '../egress/index.ts';
import { frameEncoding } from '../encoding/index.ts';
import type { Exchange, UpgradeOffer } from '../http/route.ts';
import { type ConnectionUser, WebSocketConnection } from './connection.ts';
import { sendContent } from './content.ts';
import { errorRecord, recordFrame } from './frame-writer.ts';
import type { Handshake } from './handshake.ts';
import { open, READS_ONLY, type WebSocketRead } from './opening.ts';
import { recordEncoding } from './records.ts';
import { webSocketTransfer } from './transfer.ts';

export async function read(exchange: Exchange, offer: UpgradeOffer, handshake: Handshake): Promise<void> {
  const { caller, query, server } = exchange;
  const encoding = handshake.subprotocol === WEBSOCKET_SUBPROTOCOLS.frames ? frameEncoding : recordEncoding;
  const sending = sendingOf(encoding, query, server);
  const options = { ...streamOptions(query, encoding, caller), join: joinOf(query, encoding) };
  const { reads } = server.limits;
  const account = caller?.account;
  reads.enter(account);
  const leave = () => reads.leave(account);
  let source: StreamSource;
  try {
    source = await server.mounts.openStream(query.path(), options);
  } catch (error) {
    leave();
    throw error;
  }
  exchange.isLive = true;
  const one: WebSocketRead = { exchange, offer, handshake, sending, leave };
  if (source.kind === 'live') follow(source, one);
  else await sendContent(source.content, contentOffsetOf(options), one);
}

function follow({ reader, type }: LiveSource, one: WebSocketRead): void {
  const { exchange, offer, sending, leave } = one;
  const { socket } = offer;
  if (socket.destroyed) {
    reader.close();
    leave();
    return;
  }
  open(one, firstOffset(reader, sending.encoding), reader.stream.generation, type, internalOf(reader).header?.length);
  const { limits } = exchange.server;
  const user = new ReadUser(offer, sending.encoding === recordEncoding);
  const connection = new WebSocketConnection(socket, user, { limits, maxMessageBytes: 0, refusal: READS_ONLY });
  user.sink = startLive(socket, { reader, encoding: sending.encoding }, webSocketTransfer, sending, {
    readEnded: () => {
      leave();
      // A close frame has been sent after the last bytes.
      if (!user.isClosed) connection.awaitClose();
    },
  });
  connection.begin(offer.rest);
}

/** Handles the events of a connection that do not belong to the sink. */
class ReadUser implements ConnectionUser {
  sink: Sink | undefined;
  /** Nothing may be sent any more, or the peer has disconnected. */
  isClosed = false;
  private readonly offer: UpgradeOffer;
  private readonly hasRecords: boolean;

  constructor(offer: UpgradeOffer, hasRecords: boolean) {
    this.offer = offer;
    this.hasRecords = hasRecords;
  }

  message(): void {}

  closed(): void {
    this.isClosed = true;
    this.sink?.stop();
  }

  /** The sink notices it itself: available bytes are still sent (docs/adr/0021-finish-half-closed-connections.md). */
  halfClosed(): void {}

  check(): void {
    try {
      this.offer.requireStillAdmitted();
    } catch (error) {
      if (this.hasRecords && isStreamFSError(error)) this.offer.socket.write(recordFrame(errorRecord(error)));
      this.sink?.kick();
    }
  }
}
