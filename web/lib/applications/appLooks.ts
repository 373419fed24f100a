import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleX from '@lucide/svelte/icons/circle-x';
import Hourglass from '@lucide/svelte/icons/hourglass';
import LoaderCircle from '@lucide/svelte/icons/loader-circle';
import type { AppState } from '../../../core/application.ts';
import type { StateLook } from '../ui/stateLooks.ts';

const busy = (word: string): StateLook => ({ tone: 'busy', word, icon: LoaderCircle, turns: true });

export const APP_LOOKS: Record<AppState, StateLook> = {
  queued: { tone: 'idle', word: 'Queued', icon: Hourglass },
  fetching: busy('Getting the base'),
  building: busy('Building'),
  storing: busy('Storing'),
  starting: busy('Starting'),
  running: { tone: 'ok', word: 'Built and running', icon: CircleCheck },
  failed: { tone: 'bad', word: 'Failed', icon: CircleX },
};

/** The steps of a build, in their order. */
export const APP_STEPS = ['queued', 'fetching', 'building', 'storing', 'starting', 'running'] as const;
export const RUNTIME_WORDS = { node: 'Node.js', python: 'Python' };
