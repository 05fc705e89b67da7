/**
 * A `fetch` that records which appends of an exactly-once writer were acknowledged, independent of the writer's own
 * view.
 */
import { createNodeFetch, type NodeFetch } from '../../src/cli/node-fetch.ts';

export interface Acknowledgement {
  /** 0: the empty append that a producer begins with. */
  seq: number;
  endOffset: number;
  generation: string;
}

export function acknowledgedFetch(onAcknowledged: (acknowledgement: Acknowledgement) => void): NodeFetch {
  const fetch = createNodeFetch();
  const seen: NodeFetch = Object.assign(
    async (...[url, init]: Parameters<NodeFetch>) => {
      const response = await fetch(url, init);
      if (response.ok) {
        onAcknowledged({
          seq: Number(init.headers['producer-seq']),
          endOffset: Number(response.headers.get('x-stream-end-offset')),
          generation: response.headers.get('x-stream-generation') ?? '',
        });
      }
      return response;
    },
    { takesIterables: true as const, close: () => fetch.close() },
  );
  return seen;
}
