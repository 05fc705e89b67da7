/**
 * The index of streams, a single sorted set. Its members are paths with zero bytes for slashes, ordered bytewise, so
 * that the children of a directory are adjacent. After the path come two zero bytes and the generation: a member
 * belongs to one generation, and removing it never hides the next one.
 *
 * In a cluster the index and the streams are on different masters. Therefore a member is added before its stream is
 * created and removed after its stream is removed, and a member without a stream may remain. Such an orphan is removed
 * when it is encountered and old enough.
 */
import { createError, limitReached } from '../../errors/index.ts';
import type { Argument, Reply } from './driver.ts';
import { createdAtOf } from './keys.ts';
import { partsOf, textOf } from './replies.ts';
import { SCRIPTS, type Script } from './scripts.ts';

/** Milliseconds after which a member without a stream counts as orphaned: its stream is not just being created. */
const ORPHAN_AGE_MS = 60_000;

/** Maximum page size: a listing page of 1,000 streams, plus one that shows whether there are more. */
const PAGE = 1001;

export interface StreamIndexHost {
  readonly index: string;
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  send(key: string, args: readonly Argument[]): Promise<Reply>;
}

export interface Member {
  readonly path: string;
  readonly generation: string;
}

/** A name in a directory: a stream, or a directory that contains the member. */
export interface Child {
  readonly name: string;
  readonly member: Member;
  readonly isDirectory: boolean;
}

/** Whether the stream of a member exists, with the same generation. */
export type StreamExists = (member: Member) => Promise<boolean>;

export class StreamIndex {
  readonly #host: StreamIndexHost;
  readonly #isThere: StreamExists;

  constructor(host: StreamIndexHost, isThere: StreamExists) {
    this.#host = host;
    this.#isThere = isThere;
  }

  /** @throws IS_A_DIRECTORY, NOT_A_DIRECTORY, STREAM_LIMIT */
  async reserve(path: string, generation: string, maxStreams: number): Promise<void> {
    const max = Number.isFinite(maxStreams) ? String(maxStreams) : '';
    for (;;) {
      const args = [placeOf(path), generation, max, ...directoriesAbove(path)];
      const reply = await this.#host.run(SCRIPTS.indexAdd, [this.#host.index], args);
      const { code, rest } = partsOf(reply);
      if (code === 'OK') return;
      if (code === 'LIMIT') throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
      const member = memberOf(rest[0] as Buffer);
      if (await this.#isOrphan(member, Number(textOf(rest[1])))) await this.remove(member);
      else if (code === 'FILE') throw createError('NOT_A_DIRECTORY', { path: member.path });
      else throw createError('IS_A_DIRECTORY', { path });
    }
  }

  async add({ path, generation }: Member): Promise<void> {
    await this.#host.send(this.#host.index, ['ZADD', this.#host.index, '0', textOfMember(path, generation)]);
  }

  async remove({ path, generation }: Member): Promise<void> {
    await this.#host.send(this.#host.index, ['ZREM', this.#host.index, textOfMember(path, generation)]);
  }

  /** A page of a directory, sorted by name. Its streams may no longer exist; see {@link forget}. */
  async list(
    directory: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ children: Child[]; isWhole: boolean; now: number }> {
    const place = `${placeOf(directory === '/' ? '' : directory)}\0`;
    const args = [place, after ?? '', String(Math.min(limit, PAGE))];
    const reply = await this.#host.run(SCRIPTS.indexList, [this.#host.index], args);
    const [members, isMore, now] = reply as readonly [readonly Buffer[], Buffer, Buffer];
    const prefix = directory === '/' ? '/' : `${directory}/`;
    const children = members.map((member): Child => {
      const text = member.toString();
      const at = text.indexOf('\0', place.length);
      const name = text.slice(place.length, at);
      return text[at + 1] === '\0'
        ? { name, member: { path: prefix + name, generation: text.slice(at + 2) }, isDirectory: false }
        : { name, member: memberOf(member), isDirectory: true };
    });
    return { children, isWhole: String(isMore) !== '1', now: Number(String(now)) };
  }

  /**
   * Removes the member of a stream that does not exist.
   *
   * @param now by the clock of Redis
   * @returns false if the stream may just be being created
   */
  async forget(member: Member, now: number): Promise<boolean> {
    if (!isOld(member, now)) return false;
    await this.remove(member);
    return true;
  }

  async #isOrphan(member: Member, now: number): Promise<boolean> {
    return isOld(member, now) && !(await this.#isThere(member));
  }
}

function isOld({ generation }: Member, now: number): boolean {
  return now - createdAtOf(generation) > ORPHAN_AGE_MS;
}

function placeOf(path: string): string {
  return path.replaceAll('/', '\0');
}

function textOfMember(path: string, generation: string): string {
  return `${placeOf(path)}\0\0${generation}`;
}

function memberOf(text: Buffer): Member {
  const member = text.toString();
  const at = member.indexOf('\0\0', 1);
  return { path: member.slice(0, at).replaceAll('\0', '/'), generation: member.slice(at + 2) };
}

function directoriesAbove(path: string): string[] {
  const names = path.split('/');
  return names.slice(2).map((_, n) => names.slice(0, n + 2).join('\0'));
}
