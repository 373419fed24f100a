import { describe, expect, test } from 'vitest';
import { withScene } from '../lab/migrationScene.ts';
import { patient } from '../lab/patience.ts';
import { withOwnLab } from '../lab/support.ts';

describe('devices with another processor', () => {
  const lab = withOwnLab('arm', { guests: 'arm64' });
  const scene = withScene(lab, 'arm');

  test(
    'a move between two arm64 devices compares pages by hash, and keeps every connection',
    async () => {
      expect((await lab.exec('d1', ['uname', '-m'])).stdout.trim()).toBe('aarch64');
      const { state, tracker, rounds } = await scene.ended(await scene.start());
      expect({ state, tracker }).toEqual({ state: 'succeeded', tracker: 'content' });
      expect(rounds.length).toBeGreaterThan(0);
      await scene.expectOneLiveCopy('d2');
      await scene.expectClean('d1');
      await scene.expectConnectionsKept();
    },
    patient(600_000),
  );
});
