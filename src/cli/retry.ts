/** How long a command tries to reach its server, and the message for it. */

/** Default in milliseconds. */
export const DEFAULT_RETRY_FOR_MS = 30_000;

export function retryMessage(why: string, retryFor: number): string {
  return `${why}; trying again for ${retryFor / 1000} s`;
}
