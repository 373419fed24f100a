import { toast as show } from 'svelte-sonner';
import { describeError } from '../api/describeError.ts';

/** A word on what was done or failed elsewhere than where one looks; read out. What has to be acted on stays in the page. */
export const toast = {
  /** Something was done. */
  done: (message: string, description?: string) => void show.success(message, { description }),
  /** Something failed: cause and mend. */
  error: (message: string, description?: string) =>
    void show.error(message, { description, duration: 10_000 }),
  /** The same, of what was thrown. */
  failure: (error: unknown) => {
    const { message, mend } = describeError(error).causes[0];
    show.error(message, { description: mend, duration: 10_000 });
  },
};
