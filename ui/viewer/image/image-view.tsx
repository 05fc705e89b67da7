/**
 * The latest image of a stream: MJPEG, or an image that is rewritten from time to time. The page extracts the images
 * itself, so that gaps and cuts are visible and a slow page can skip images.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count, size } from '../../format.ts';
import { type FoundImage, ImageSplitter } from '../bytes/image-splitter.ts';
import { EmptyState } from '../connection/empty-state.tsx';
import type { RecordSink } from '../connection/reading-session.ts';
import { type Source, useReading } from '../source.ts';
import type { ViewState } from '../view-state.ts';

interface Shown {
  count: number;
  bytes: number;
  type: string;
  width: number;
  height: number;
}

/** After this long without an image, other views are offered. */
const PROBLEM_AFTER_MS = 5000;

export function ImageView({ change, source }: { source: Source; change: (change: Partial<ViewState>) => void }) {
  const image = useRef<HTMLImageElement>(null);
  const [shown, setShown] = useState<Shown>();
  const [problem, setProblem] = useState<string>();
  /** The newest picture could not be decoded. */
  const [isBroken, setBroken] = useState(false);
  /** Nothing has arrived yet. */
  const [isEmpty, setEmpty] = useState(true);
  const sink = useMemo<RecordSink & { stop(): void }>(() => {
    let splitter = new ImageSplitter();
    let generation = 0;
    let found = 0;
    let latest: FoundImage | undefined;
    let address: string | undefined;
    let isDrawing = false;
    const draw = async () => {
      isDrawing = true;
      while (latest !== undefined) {
        const { bytes, type } = latest;
        const [number, drawn] = [found, generation];
        latest = undefined;
        const next = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
        const loading = new Image();
        loading.src = next;
        try {
          await loading.decode();
          const element = image.current;
          if (element === null) break;
          // Of the previous generation.
          if (drawn !== generation) {
            URL.revokeObjectURL(next);
            continue;
          }
          element.src = next;
          if (address !== undefined) URL.revokeObjectURL(address);
          address = next;
          setProblem(undefined);
          setBroken(false);
          setShown({
            count: number,
            bytes: bytes.length,
            type,
            width: loading.naturalWidth,
            height: loading.naturalHeight,
          });
        } catch {
          URL.revokeObjectURL(next);
          if (drawn !== generation) continue;
          setProblem('A picture could not be decoded.');
          setBroken(true);
        }
      }
      isDrawing = false;
    };
    return {
      take(record) {
        if (record.type === 'recreated') {
          generation += 1;
          splitter = new ImageSplitter();
          found = 0;
          latest = undefined;
          setShown(undefined);
          setProblem(undefined);
          setBroken(false);
          setEmpty(true);
        }
        if (record.type !== 'data') return undefined;
        setEmpty(false);
        for (const picture of splitter.push(record.offset, record.data)) {
          found += 1;
          latest = picture;
        }
        if (latest !== undefined && !isDrawing) void draw();
        return undefined;
      },
      stop() {
        if (address !== undefined) URL.revokeObjectURL(address);
      },
    };
  }, []);
  useEffect(() => {
    const problemTimer = setTimeout(
      () => setProblem((known) => known ?? 'No picture has arrived yet.'),
      PROBLEM_AFTER_MS,
    );
    return () => {
      clearTimeout(problemTimer);
      sink.stop();
    };
  }, []);
  useReading(source, sink);
  return (
    <div class="picture">
      <img
        ref={image}
        class={shown === undefined ? 'empty-picture' : ''}
        alt={`What ${source.path} shows`}
        data-testid="picture"
      />
      {shown === undefined ? null : (
        <p class="muted">
          {`picture ${count(shown.count)} · ${shown.width} × ${shown.height} · ${shown.type.slice(6)} · ${size(shown.bytes)}`}
          {isBroken ? ' · a newer one could not be decoded' : ''}
        </p>
      )}
      {shown === undefined && problem === undefined ? (
        isEmpty ? (
          <EmptyState reading={source.reading} />
        ) : (
          <p class="nothing-yet" role="status">
            Looking for a picture in what comes …
          </p>
        )
      ) : null}
      {problem === undefined || shown !== undefined ? null : (
        <p role="alert">
          {problem}{' '}
          <button type="button" onClick={() => change({ view: 'hex' })}>
            Show bytes
          </button>
        </p>
      )}
    </div>
  );
}
