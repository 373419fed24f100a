import type { Component } from 'svelte';
import Ban from '@lucide/svelte/icons/ban';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import CircleHelp from '@lucide/svelte/icons/circle-question-mark';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import CircleStop from '@lucide/svelte/icons/circle-stop';
import CircleX from '@lucide/svelte/icons/circle-x';
import Hourglass from '@lucide/svelte/icons/hourglass';
import LoaderCircle from '@lucide/svelte/icons/loader-circle';
import MoveRight from '@lucide/svelte/icons/move-right';
import Undo2 from '@lucide/svelte/icons/undo-2';
import Unplug from '@lucide/svelte/icons/unplug';
import type { ComputeState } from '../../../core/compute.ts';
import type { DeviceState } from '../../../core/device.ts';
import type { EvacuationState, ItemState } from '../../../core/evacuation.ts';
import type { MigrationState } from '../../../core/migration.ts';

/** What a state means to who looks: all is well; something is being done; look at it; it failed; nothing is. */
export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle';

export interface StateLook {
  tone: Tone;
  word: string;
  icon: Component;
  /** It lasts no longer than what is being done. */
  turns?: boolean;
}

const look = (tone: Tone, word: string, icon: Component, turns = false): StateLook => ({
  tone,
  word,
  icon,
  turns,
});

export const DEVICE_LOOKS: Record<DeviceState, StateLook> = {
  discovered: look('warn', 'Discovered', CircleHelp),
  pending: look('warn', 'Waits for approval', Hourglass),
  ready: look('ok', 'Ready', CircleCheck),
  cordoned: look('warn', 'Cordoned', CirclePause),
  draining: look('busy', 'Draining', LoaderCircle, true),
  drained: look('idle', 'Drained', CircleDashed),
  unreachable: look('bad', 'Unreachable', Unplug),
  retired: look('idle', 'Retired', Ban),
};

export const COMPUTE_LOOKS: Record<ComputeState, StateLook> = {
  creating: look('busy', 'Creating', LoaderCircle, true),
  running: look('ok', 'Running', CircleCheck),
  stopped: look('idle', 'Stopped', CircleStop),
  migrating: look('busy', 'Moving', MoveRight),
  failed: look('bad', 'Failed', CircleX),
  lost: look('bad', 'Lost', Unplug),
};

export const MIGRATION_LOOKS: Record<MigrationState, StateLook> = {
  pending: look('idle', 'Pending', Hourglass),
  preflight: look('busy', 'Preflight', LoaderCircle, true),
  preparing: look('busy', 'Preparing', LoaderCircle, true),
  precopying: look('busy', 'Copying memory', LoaderCircle, true),
  switching: look('busy', 'Switching', MoveRight),
  releasing: look('busy', 'Releasing', LoaderCircle, true),
  succeeded: look('ok', 'Succeeded', CircleCheck),
  aborted: look('idle', 'Aborted', Ban),
  rolledBack: look('warn', 'Rolled back', Undo2),
  failed: look('bad', 'Failed', CircleX),
  refused: look('warn', 'Refused', Ban),
};

export const EVACUATION_LOOKS: Record<EvacuationState, StateLook> = {
  running: look('busy', 'Running', LoaderCircle, true),
  paused: look('warn', 'Paused', CirclePause),
  cancelling: look('busy', 'Being cancelled', LoaderCircle, true),
  succeeded: look('ok', 'Done', CircleCheck),
  incomplete: look('warn', 'Incomplete', CircleHelp),
  cancelled: look('idle', 'Cancelled', Ban),
  failed: look('bad', 'Failed', CircleX),
};

export const ITEM_LOOKS: Record<ItemState, StateLook> = {
  waiting: look('idle', 'Waits', Hourglass),
  moving: look('busy', 'Moves', LoaderCircle, true),
  moved: look('ok', 'Moved', CircleCheck),
  left: look('warn', 'Left', CircleHelp),
  stopped: look('idle', 'Stopped', CircleStop),
  gone: look('idle', 'Gone by itself', Ban),
};
