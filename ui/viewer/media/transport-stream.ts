/** Plays MPEG-TS with mpegts.js, which is loaded on demand. */
import mpegts from 'mpegts.js';

export interface TransportStreamEvents {
  onReceived: () => void;
  /** `isCut`: the connection broke. */
  onFailure: (why: string, isCut: boolean) => void;
}

/** Returns a function that stops it. */
export function playTransportStream(
  element: HTMLMediaElement,
  address: string,
  { onFailure, onReceived }: TransportStreamEvents,
): () => void {
  mpegts.LoggingControl.enableAll = false;
  const player = mpegts.createPlayer(
    { type: 'mpegts', isLive: true, url: address },
    {
      // The library would create the worker from a blob, which the page's content security policy forbids.
      enableWorker: false,
      enableStashBuffer: false,
      liveBufferLatencyChasing: true,
      autoCleanupSourceBuffer: true,
    },
  );
  player.on(mpegts.Events.ERROR, (type: string, detail: string) => {
    const isAnswer = detail === mpegts.ErrorDetails.NETWORK_STATUS_CODE_INVALID;
    onFailure(`${type}: ${detail}`, type === mpegts.ErrorTypes.NETWORK_ERROR && !isAnswer);
  });
  player.on(mpegts.Events.STATISTICS_INFO, ({ speed }: { speed?: number | undefined }) => {
    if (speed !== undefined && speed > 0) onReceived();
  });
  player.attachMediaElement(element);
  player.load();
  return () => player.destroy();
}
