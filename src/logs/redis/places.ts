/**
 * Where streams are, in one sorted set: members in the order of their bytes, with zero bytes for slashes, so that what is in
 * a directory lies together. Behind the place of a stream come two zero bytes and its generation: a member belongs to one life
 * of a stream, and removing it never hides the next.
 *
 * The set is on one master of a cluster, streams are on others. So it is written before a stream is made and after one is
 * removed, and a member may be left whose stream is not there: where one is met that is old enough, it is removed.
 */
import { createError, limitReached } from '../../errors/index.ts';
import type { Argument, Reply } from './driver.ts';
import { madeAt } from './keys.ts';
import { partsOf, textOf } from './replies.ts';
import { SCRIPTS, type Script } from './scripts.ts';

/** Milliseconds after which a member is left behind whose stream is not there: it is not just being made. */
const LEFT_BEHIND_MS = 60_000;

/** Streams that are looked up at a time: a page of a listing of 1,000, and the one that shows that there are more. */
const PAGE = 1001;

export interface PlacesHost {
  readonly index: string;
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  send(key: string, args: readonly Argument[]): Promise<Reply>;
}

export interface Member {
  readonly path: string;
  readonly generation: string;
}

/** One name in a directory: of a stream, or of a directory, in which the member lies. */
export interface Child {
  readonly name: string;
  readonly member: Member;
  readonly isDirectory: boolean;
}

/** Whether a stream is there, in this life. */
export type IsThere = (member: Member) => Promise<boolean>;

export class Places {
  readonly #host: PlacesHost;
  readonly #isThere: IsThere;

  constructor(host: PlacesHost, isThere: IsThere) {
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
      if (await this.#isLeftBehind(member, Number(textOf(rest[1])))) await this.remove(member);
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

  /** A page of a directory, by name. What it says of streams may be over; see {@link forget}. */
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

  /** Removes the member of a stream that is not there. @param now by the clock of Redis @returns false where it may just be being made */
  async forget(member: Member, now: number): Promise<boolean> {
    if (!isOld(member, now)) return false;
    await this.remove(member);
    return true;
  }

  async #isLeftBehind(member: Member, now: number): Promise<boolean> {
    return isOld(member, now) && !(await this.#isThere(member));
  }
}

function isOld({ generation }: Member, now: number): boolean {
  return now - madeAt(generation) > LEFT_BEHIND_MS;
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
