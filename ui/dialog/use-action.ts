/** The state of a button's action: whether it is running, and the error if it failed. */
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
