import { expect } from 'vitest';

interface Item {
  id: string;
  name: string;
  state: string;
  ip: string;
}

/** Every member that an answer of the API may have: a test names the route, and with it which of them are there. */
export interface AnswerBody extends Item {
  items: (Item & { group: string; epoch: number; transfer: object | null })[];
  nextCursor: string | null;
  token: string;
  secret: string;
  runId: string;
  digest: string;
  info: { architecture: string };
  events: object[];
  reason: string;
  running: { id: string; workflowId: string };
  keyFingerprint: string;
  ports: object[];
  network: string;
  deviceId: string;
  certificate: string;
  causes: { code: string; message: string; mend: string }[];
}

/** Vitest's matchers are `any`; these are not. */
export const anyString: unknown = expect.any(String);
export const anyNumber: unknown = expect.any(Number);
export const containing = (text: string): unknown => expect.stringContaining(text);

/** Status and first cause of a refusal. */
export const causeOf = ({ status, body }: { status: number; body: { causes?: { code: string }[] } }) => [
  status,
  body.causes?.[0]?.code,
];
