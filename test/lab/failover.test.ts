import { testLosses } from './support/testLosses.ts';

// Clients still reach it.
testLosses([
  {
    name: 'cut off from the control plane and its peers',
    protection: { kind: 'checkpoint', everySeconds: 5 },
    lose: async (lab) => {
      await lab.cut('d1', 'control');
      await lab.cut('d1', 'd2');
    },
    comeBack: (lab) => lab.heal(),
    runsOn: true,
  },
]);
