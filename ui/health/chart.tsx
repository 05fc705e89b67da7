/**
 * A chart of a figure over the last minutes. The drawing library is loaded with the first chart; unknown values are
 * holes.
 */
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { History } from '../feed/history.ts';
import { clock } from '../format.ts';
import { colours as coloursInForce } from '../theme.ts';

const HEIGHT = 96;
const MS_PER_S = 1000;

/** The time span of the whole width. */
const SPAN_S = 300;

/** From one byte up to some TB. */
const BYTE_STEPS = [0, 1, 2, 3, 4].flatMap((power) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * 1024 ** power),
);

export interface ChartProps {
  label: string;
  history: History;
  format: (value: number) => string;
  /** Whether its axis has steps of KB, MB and so on. */
  isBytes?: boolean | undefined;
}

export function Chart({ label, history, format, isBytes = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const newest = useRef(history);
  newest.current = history;
  const colours = coloursInForce.value;

  useEffect(() => {
    const element = box.current!;
    let isGone = false;
    let observer: ResizeObserver | undefined;
    void import('uplot').then(({ default: Plot }) => {
      if (isGone) return;
      const drawn = new Plot(optionsFor(element, colours, format, isBytes), dataOf(newest.current), element);
      plot.current = drawn;
      observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
      observer.observe(element);
    });
    return () => {
      isGone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [colours, format, isBytes]);

  useEffect(() => plot.current?.setData(dataOf(history)), [history]);
  return <div class="chart" ref={box} role="img" aria-label={`${label}${summary(history, format)}`} />;
}

/** The chart in words: its newest, lowest and highest value. */
function summary({ values }: History, format: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return ': no values yet';
  const newest = values.at(-1);
  const now = newest === null || newest === undefined ? 'now unknown' : `now ${format(newest)}`;
  const holes = known.length < values.length ? ', with gaps' : '';
  return `: ${now}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}${holes}`;
}

function dataOf({ times, values }: History): uPlot.AlignedData {
  return [times.map((time) => time / MS_PER_S), [...values]];
}

/** A canvas does not support CSS variables, so their values are read, and read again when the theme changes. */
function optionsFor(
  element: Element,
  _colours: string,
  format: (value: number) => string,
  isBytes: boolean,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: (_plot, _first, last) => [last - SPAN_S, last] },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 20, space: 70, values: (_plot, ticks) => ticks.map(timeOf) },
      {
        ...axis,
        size: 64,
        space: 30,
        ...(isBytes ? { incrs: BYTE_STEPS } : {}),
        values: (_plot, ticks) => ticks.map((tick) => format(tick)),
      },
    ],
    series: [
      {},
      {
        stroke: colour('--accent'),
        fill: `color-mix(in srgb, ${colour('--accent')} 14%, transparent)`,
        width: 1.5,
        points: { show: false },
        spanGaps: false,
      },
    ],
  };
}

function timeOf(seconds: number): string {
  return clock(seconds * MS_PER_S).replace(/:00$/, '');
}
