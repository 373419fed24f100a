import { testLosses } from '../lab/support/testLosses.ts';

testLosses([
  {
    name: 'without power',
    lose: async (lab) => {
      await lab.kill('d1');
    },
    comeBack: (lab) => lab.start('d1'),
  },
  {
    name: 'its worker stands still',
    lose: (_, scene) => scene.faults.signalWorker('d1', 'SIGSTOP'),
    comeBack: (_, scene) => scene.faults.signalWorker('d1', 'SIGCONT'),
  },
  {
    name: 'its worker is dead',
    lose: async (lab) => {
      await lab.kill('d1', 'worker');
    },
    comeBack: (lab) => lab.start('d1'),
  },
]);
