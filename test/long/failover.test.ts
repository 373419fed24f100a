import { testAbsence, testLosses } from '../lab/support/testLosses.ts';

const checkpoint = { kind: 'checkpoint', everySeconds: 5 } as const;

testLosses([
  {
    ...{ name: 'without power', protection: checkpoint, runsOn: false },
    lose: async (lab) => {
      await lab.kill('d1');
    },
    comeBack: (lab) => lab.start('d1'),
  },
  {
    ...{ name: 'its worker stands still', protection: checkpoint, runsOn: true },
    lose: (_, scene) => scene.faults.signalWorker('d1', 'SIGSTOP'),
    comeBack: (_, scene) => scene.faults.signalWorker('d1', 'SIGCONT'),
  },
  {
    ...{ name: 'its worker is dead', protection: { kind: 'restart' }, runsOn: true },
    lose: async (lab) => {
      await lab.kill('d1', 'worker');
    },
    comeBack: (lab) => lab.start('d1'),
  },
]);

testAbsence();
