import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContentSlots } from './contentSlots.ts';

/** Digests that want few places of the table, so that they get into each other's way. */
function digest(content: number): Uint32Array {
  return Uint32Array.of(content % 7, content, 0, 0);
}

test('a slot is found as long as somebody holds it, whatever else comes and goes', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(60)), { maxLength: 400 });
  fc.assert(
    fc.property(steps, (all) => {
      const slots = new ContentSlots();
      const held = new Map<number, { slot: number; times: number }>();
      for (const [more, content] of all) {
        const known = held.get(content);
        expect(slots.find(digest(content))).toBe(known?.slot ?? 0);
        if (more && known) slots.hold(known.slot);
        else if (more) held.set(content, { slot: slots.take(digest(content)), times: 0 });
        else if (known) slots.release(known.slot);
        const now = held.get(content);
        if (now && (now.times += more ? 1 : -1) === 0) held.delete(content);
        expect(slots.count).toBe(held.size);
      }
      expect(new Set([...held.values()].map(({ slot }) => slot)).size).toBe(held.size);
    }),
  );
});

test('it grows with what it holds and finds all of it', () => {
  const slots = new ContentSlots();
  const taken = Array.from({ length: 20_000 }, (_, content) =>
    slots.take(Uint32Array.of(content * 2_654_435_761, content, 1, 2)),
  );
  taken.forEach((slot, content) =>
    expect(slots.find(Uint32Array.of(content * 2_654_435_761, content, 1, 2))).toBe(slot),
  );
  expect(slots.count).toBe(20_000);
});
