/** Answers of a direct connection: those to all that came in one read go out together. */
import type { Socket } from 'node:net';

export class ResponseBuffer {
  private readonly socket: Socket;
  private readonly onTaken: () => void;
  private text = '';
  private isBlocked = false;

  /** @param onTaken called when answers that had to wait have been taken by the client */
  constructor(socket: Socket, onTaken: () => void) {
    this.socket = socket;
    this.onTaken = onTaken;
  }

  add(text: string): void {
    this.text += text;
  }

  /** Answers wait for the client to take them: it gets no more until it has. */
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

  /** Sends what is buffered, without waiting for more: it was the last answer. */
  sendLast(): void {
    this.send();
    this.isBlocked = false;
  }
}
