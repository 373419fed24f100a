import type { Conversation } from '../../../lab/demo/client/conversation.ts';

/** What the load says on one connection: one question at a time, each answer checked; what is wrong is told elsewhere. */
export type Talk = Omit<Conversation, 'settle'>;
