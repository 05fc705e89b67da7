/** How long a command tries to reach its server, and the message for it. */

/** Default in milliseconds. */
export const RETRY_FOR = 30_000;

export function tryingAgain(why: string, retryFor: number): string {
  return `${why}; trying again for ${retryFor / 1000} s`;
}
