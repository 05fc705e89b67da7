/** Buffers the responses of a direct connection: those to all requests of one read are sent together. */
import type { Socket } from 'node:net';

export class ResponseBuffer {
  private readonly socket: Socket;
  private readonly onTaken: () => void;
  private text = '';
  private isBlocked = false;

  /** @param onTaken called when the client has taken responses that had to wait */
  constructor(socket: Socket, onTaken: () => void) {
    this.socket = socket;
    this.onTaken = onTaken;
  }

  add(text: string): void {
    this.text += text;
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
