/**
 * Announces the state of a read to screen readers. The state may change many times a second, and its figures all the
 * time: a new phase is announced when it has lasted for a moment, and new figures of the same phase rarely.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Announcement } from './reading.ts';

const SETTLED_MS = 1000;
const FIGURES_MS = 10_000;

export function Announcer({ announcement }: { announcement: Announcement }) {
  const [said, setSaid] = useState<Announcement>({ phase: '', text: '' });
  const newest = useRef(announcement);
  newest.current = announcement;
  const isPhaseNew = announcement.phase !== said.phase;
  const isDifferent = isPhaseNew || announcement.text !== said.text;
  useEffect(() => {
    if (!isDifferent) return;
    const timer = setTimeout(() => setSaid(newest.current), isPhaseNew ? SETTLED_MS : FIGURES_MS);
    return () => clearTimeout(timer);
    // Another text of the same phase does not postpone the announcement.
  }, [announcement.phase, isDifferent, isPhaseNew]);
  return (
    <span class="visually-hidden" role="status" data-testid="announcement">
      {said.text}
    </span>
  );
}
