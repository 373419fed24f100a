import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from './cliProgram.ts';
import { FleetScene, mostAtOnce } from './support/fleetScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 240_000;

describe('a device that is emptied', () => {
  const lab = withLab();
  const scene = new FleetScene(lab, 'leaving');
  beforeAll(async () => {
    await scene.create([8, 64, 2]);
    await scene.talk();
  }, LONG_MS);
  afterAll(async () => {
    await scene.uncordon('d1').catch(() => undefined);
    await scene.remove();
  }, LONG_MS);

  test(
    'shows its plan, is empty after one command, and gets back what left when it is uncordoned',
    async () => {
      const planned = await runCli(lab, 'device', 'evacuate', 'd1', '--dry-run');
      expect(planned).toMatchObject({ code: 0, stderr: '' });
      expect(planned.stdout).toMatch(/leaving-2 +waiting +d1 +d2/);
      expect(await scene.deviceState('d1')).toBe('ready');

      const words = ['device', 'evacuate', 'd1', '--wait', '--return-home', '--json'];
      const evacuated = await runCli(lab, ...words);
      expect(evacuated, evacuated.stderr).toMatchObject({ code: 0 });
      const { id } = JSON.parse(evacuated.stdout) as { id: string };
      expect(await scene.whereabouts()).toEqual(['d2', 'd2', 'd2']);
      expect(await scene.deviceState('d1')).toBe('drained');
      expect(mostAtOnce(await scene.moves(id), () => '')).toBe(1);

      await scene.uncordon('d1');
      const back = await runCli(lab, 'evacuation', 'ls', '--open', '--json');
      const { items } = JSON.parse(back.stdout) as { items: { id: string; kind: string; returns: string }[] };
      expect(items).toMatchObject([{ kind: 'return', returns: id }]);
      expect(await scene.ended(items[0]?.id ?? '')).toMatchObject({
        state: 'succeeded',
        counts: { moved: 3 },
      });
      expect(await scene.whereabouts()).toEqual(['d1', 'd1', 'd1']);
      expect(await scene.hush()).toEqual({ lost: 0, wrong: 0, problems: [] });
    },
    LONG_MS,
  );
});
