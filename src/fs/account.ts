/**
 * On whose account something is held: with tokens, one for each token. What a handle belongs to is an account, and stays
 * the same one when the configuration is read again with the same token.
 */
export class Account {
  /** What it is called in errors. */
  name: string;

  constructor(name: string) {
    this.name = name;
  }
}
