import { testLosses } from './support/testLosses.ts';

// Clients still reach it: nothing but its own fence keeps its copy from answering them.
testLosses([
  {
    name: 'cut off from the control plane and its peers',
    lose: async (lab) => {
      await lab.cut('d1', 'control');
      await lab.cut('d1', 'd2');
    },
    comeBack: (lab) => lab.heal(),
  },
]);
