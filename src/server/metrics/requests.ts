/**
 * Requests and how long they took, by route and class of status. Which histogram is meant is found by counting, not by
 * putting labels together: this runs for every request.
 */
import { Histogram } from './histogram.ts';
import type { Metrics, Sample } from './registry.ts';

/** What names a route in the labels. The same object is the same route. */
interface Route {
  readonly method: string;
  readonly pattern: string;
}

/** Upper bounds in seconds. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Of requests for which there is no route. */
const NO_ROUTE = 'none';

/** Of one route: a histogram for each class of status, made when it is first needed. */
type Classes = (Histogram | undefined)[];

export class RequestMetrics {
  readonly #routes = new Map<Route | undefined, Classes>();
  /** Of the last request: the next one often is for the same route. */
  #lastRoute: Route | undefined;
  #lastClasses: Classes = [];

  constructor(metrics: Metrics) {
    this.#routes.set(undefined, this.#lastClasses);
    metrics.histogram(
      'streamfs_http_request_duration_seconds',
      'Time from a request to the end of its answer, by route and class of status. Live reads are not among them.',
      () => this.#samples(),
    );
  }

  /** A request is over. */
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
