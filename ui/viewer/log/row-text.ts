/** Rows as text: for the screen, and for copying. */
import { count, counted, size } from '../../format.ts';
import { stripAnsi } from '../text/ansi.ts';
import type { GapRow, Notice, Row } from '../text/rows.ts';

export function gapText({ chunks, from, to }: Pick<GapRow, 'chunks' | 'from' | 'to'>): string {
  const pieces = chunks > 0 ? `, at least ${counted(chunks, 'chunk')}` : '';
  return `${size(to - from)} lost between offsets ${count(from)} and ${count(to)}${pieces}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ended: 'the stream ended',
  removed: 'the stream was removed',
  expired: 'the stream expired, as it was unused',
  timeout: 'no data arrived within the requested time',
  shutdown: 'the server stopped',
};

export function noticeText(notice: Notice): string {
  switch (notice.type) {
    case 'starts':
      return `starts at offset ${count(notice.offset)}${notice.isGone ? ': earlier bytes are no longer retained' : ''}`;
    case 'reconnected':
      return `reconnected at offset ${count(notice.offset)}`;
    case 'recreated':
      return `a new stream has this path; the previous one was read up to offset ${count(notice.lastOffset)}`;
    case 'ended': {
      const reason = REASONS[notice.reason] ?? `ended: ${notice.reason}`;
      const status = notice.status === undefined ? '' : ` (${notice.status})`;
      return `${reason}${status} at offset ${count(notice.offset)}`;
    }
  }
}

export function copiedText(row: Row): string {
  switch (row.kind) {
    case 'line':
      return stripAnsi(row.text) + (row.cutBytes > 0 ? ` … ${size(row.cutBytes)} more` : '');
    case 'gap':
      return `[${gapText(row)}]`;
    case 'notice':
      return `[${noticeText(row.notice)}]`;
  }
}
