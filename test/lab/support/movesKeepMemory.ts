import { expect } from 'vitest';
import type { Migration } from '../../../core/migration.ts';
import type { PagesScene } from './pagesScene.ts';

/** Moves it to and fro while it writes; after each move every page is looked at. Resolves with the records. */
export async function expectMovesKeepMemory(scene: PagesScene, moves: number): Promise<Migration[]> {
  const records: Migration[] = [];
  for (let count = 1; count <= moves; count += 1) {
    const before = await scene.client.writes();
    const record = await scene.move();
    expect(record.state, record.reason).toBe('succeeded');
    expect(record.rounds.length, 'rounds').toBeGreaterThan(1);
    await scene.expectMemoryRight();
    expect(await scene.client.writes(), 'pages written while it moved').toBeGreaterThan(before);
    records.push(record);
  }
  return records;
}
