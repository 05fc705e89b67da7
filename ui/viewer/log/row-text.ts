/** Rows as texts: for the screen, and for what is copied. */
import { bytesText, countText } from '../format.ts';
import { stripAnsi } from '../text/ansi.ts';
import type { GapRow, Notice, Row } from '../text/rows.ts';

export function gapText({ chunks, from, to }: Pick<GapRow, 'chunks' | 'from' | 'to'>): string {
  const pieces = chunks > 0 ? `, at least ${countText(chunks)} ${chunks === 1 ? 'chunk' : 'chunks'}` : '';
  return `${bytesText(to - from)} lost between offsets ${countText(from)} and ${countText(to)}${pieces}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ended: 'the stream ended',
  removed: 'the stream was removed',
  expired: 'the stream expired, as it was unused',
  timeout: 'nothing came for as long as was asked',
  shutdown: 'the server stopped',
};

export function noticeText(notice: Notice): string {
  switch (notice.type) {
    case 'starts':
      return `starts at offset ${countText(notice.offset)}${notice.isGone ? ': what was before is no longer retained' : ''}`;
    case 'reconnected':
      return `reconnected at offset ${countText(notice.offset)}`;
    case 'recreated':
      return `a new stream has this path; the one before was read up to offset ${countText(notice.lastOffset)}`;
    case 'ended': {
      const reason = REASONS[notice.reason] ?? `ended: ${notice.reason}`;
      const status = notice.status === undefined ? '' : ` (${notice.status})`;
      return `${reason}${status} at offset ${countText(notice.offset)}`;
    }
  }
}

export function copiedText(row: Row): string {
  switch (row.kind) {
    case 'line':
      return stripAnsi(row.text) + (row.cutBytes > 0 ? ` … ${bytesText(row.cutBytes)} more` : '');
    case 'gap':
      return `[${gapText(row)}]`;
    case 'notice':
      return `[${noticeText(row.notice)}]`;
  }
}
