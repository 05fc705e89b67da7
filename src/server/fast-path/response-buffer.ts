/**
 * Buffers the responses of a direct connection: those to all requests of one read are sent together, and all are sent
 * in the order of their requests, even if a later request is complete before an earlier one (RFC 9112 section 9.3.2).
 */
import type { Socket } from 'node:net';

/** The place of a response in that order. */
export interface ReservedResponse {
  /** Undefined until it is known. */
  text: string | undefined;
}

export class ResponseBuffer {
  private readonly socket: Socket;
  private readonly onTaken: () => void;
  private text = '';
  private isBlocked = false;
  /** From the first response that is not known yet to the last of all. */
  private reserved: ReservedResponse[] = [];

  /** @param onTaken called when the client has taken responses that had to wait */
  constructor(socket: Socket, onTaken: () => void) {
    this.socket = socket;
    this.onTaken = onTaken;
  }

  add(text: string): void {
    if (this.reserved.length === 0) this.text += text;
    else this.reserved.push({ text });
  }

  /** Keeps the place of a response that is not known yet. */
  reserve(): ReservedResponse {
    const response: ReservedResponse = { text: undefined };
    this.reserved.push(response);
    return response;
  }

  /** Adds a response at its reserved place. */
  fill(response: ReservedResponse, text: string): void {
    response.text = text;
    while (this.reserved[0]?.text !== undefined) this.text += this.reserved.shift()!.text;
  }

  /** Number of responses that are not known yet, or wait for one. */
  get reservedCount(): number {
    return this.reserved.length;
  }

  /** Responses wait for the client to read them; no more are sent until then. */
  get areWaiting(): boolean {
    return this.isBlocked;
  }

  send(): void {
    const { socket, text } = this;
    if (text === '') return;
    this.text = '';
    socket.write(text, 'latin1');
    if (!socket.writableNeedDrain || this.isBlocked) return;
    this.isBlocked = true;
    socket.once('drain', () => {
      if (!this.isBlocked) return;
      this.isBlocked = false;
      this.onTaken();
    });
  }

  /** Sends the last response, without waiting for the client to read it. */
  sendLast(): void {
    this.send();
    this.isBlocked = false;
  }
}
