/**
 * Durations of requests, by route and class of status. The histogram is found by index, without building labels,
 * because this runs for every request.
 */
import { Histogram } from './histogram.ts';
import type { Metrics, Sample } from './registry.ts';

/** The identity of a route in the labels: the same object is the same route. */
interface Route {
  readonly method: string;
  readonly pattern: string;
}

/** Upper bounds in seconds. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** The label of requests that match no route. */
const NO_ROUTE = 'none';

/** The histograms of one route, one for each class of status, created on first use. */
type Classes = (Histogram | undefined)[];

export class RequestMetrics {
  readonly #routes = new Map<Route | undefined, Classes>();
  /** The route of the last request: the next request is often for the same one. */
  #lastRoute: Route | undefined;
  #lastClasses: Classes = [];

  constructor(metrics: Metrics) {
    this.#routes.set(undefined, this.#lastClasses);
    metrics.histogram(
      'streamfs_http_request_duration_seconds',
      'Time from a request to the end of its response, by route and class of status. Live reads are not included.',
      () => this.#samples(),
    );
  }

  /** Records a finished request. */
  observe(route: Route | undefined, status: number, milliseconds: number): void {
    if (route !== this.#lastRoute) {
      this.#lastRoute = route;
      this.#lastClasses = this.#routes.get(route) ?? this.#add(route);
    }
    const at = (status / 100) | 0;
    let histogram = this.#lastClasses[at];
    if (histogram === undefined) {
      histogram = new Histogram(DURATIONS);
      this.#lastClasses[at] = histogram;
    }
    histogram.observe(milliseconds / 1000);
  }

  #add(route: Route | undefined): Classes {
    const classes: Classes = [];
    this.#routes.set(route, classes);
    return classes;
  }

  *#samples(): Generator<Sample> {
    for (const [route, classes] of this.#routes) {
      const name = route === undefined ? NO_ROUTE : `${route.method} ${route.pattern}`;
      for (const [at, histogram] of classes.entries()) {
        if (histogram !== undefined) yield* histogram.samples({ route: name, status: `${at}xx` });
      }
    }
  }
}
