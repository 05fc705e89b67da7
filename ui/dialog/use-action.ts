/** Something that a button does and that may fail: whether it is under way, and what the server said when it refused. */
import { useState } from 'preact/hooks';
import { problemOf } from '../feed/poller.ts';

export interface Action {
  isBusy: boolean;
  error: string | undefined;
  run(work: () => Promise<void>): Promise<void>;
}

export function useAction(): Action {
  const [state, setState] = useState<Pick<Action, 'isBusy' | 'error'>>({ isBusy: false, error: undefined });
  return {
    ...state,
    async run(work) {
      setState({ isBusy: true, error: undefined });
      try {
        await work();
        setState({ isBusy: false, error: undefined });
      } catch (error) {
        setState({ isBusy: false, error: problemOf(error).message });
      }
    },
  };
}
