import type { Cause } from './cause.ts';

/** Why nothing may be done to what was moved while its devices have not agreed on who owns it. `what`: its name. */
export function unsettledMove(what: string): Cause {
  return {
    code: 'transferOpen',
    message: `An earlier move of ${what} is not settled between its devices yet.`,
    mend: 'Wait until both devices can reach the control plane again.',
  };
}
