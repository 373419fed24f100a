import Ban from '@lucide/svelte/icons/ban';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleX from '@lucide/svelte/icons/circle-x';
import RefreshCw from '@lucide/svelte/icons/refresh-cw';
import type { Schemas } from '../../../client/createClient.ts';
import type { StateLook } from '../ui/stateLooks.ts';

/** How a step stands that did not go well at once. */
export const ATTEMPT_LOOKS: Record<Schemas['MigrationAttempt']['state'], StateLook> = {
  running: { tone: 'busy', word: 'Trying again', icon: RefreshCw },
  succeeded: { tone: 'ok', word: 'Succeeded', icon: CircleCheck },
  failed: { tone: 'bad', word: 'Failed', icon: CircleX },
  cancelled: { tone: 'idle', word: 'Cancelled', icon: Ban },
};
