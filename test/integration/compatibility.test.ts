import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../core/device.ts';
import { classIdOf } from '../../db/deviceClasses.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { eventsOf } from '../../db/events.ts';
import { device as deviceTable } from '../../db/schema/index.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';

/** Which class of devices may move to which, over the API. */
const api = useApi();
const MIB = 2 ** 20;

interface ClassBody {
  id: string;
  devices: number;
  examples: { id: string; name: string }[];
  facts: { criu: string };
  movesTo: { class: string; devices: number; ok: boolean; causes: { code: string }[] }[];
}

const classes = async () =>
  (await api.call('GET', '/devices/compatibility')).body.items as unknown as ClassBody[];
const movable = async (compute: string) => {
  const { body } = await api.call('GET', `/computes/${compute}`);
  return (body as unknown as { movable: { ok: boolean; causes: { code: string }[] } }).movable;
};
const codes = (causes: { code: string }[]) => causes.map(({ code }) => code);
/** Many devices at once, as they would have joined. */
const fill = (number: number, name: string, over: Partial<Inventory>) => {
  const inventory = makeInventory(over);
  const rows = Array.from({ length: number }, (_, index) => ({
    id: id('device'),
    name: `${name}-${String(index)}`,
    state: 'ready' as const,
    publicKeyHash: randomBytes(32).toString('hex'),
    inventory,
    classId: classIdOf(inventory),
  }));
  return api.context.db.insert(deviceTable).values(rows);
};

describe('classes of devices', () => {
  it('are as many as there are kinds, however many devices there are, and say what may move where', async () => {
    await fill(120, 'old', { criu: '4.2', hostname: 'a' });
    await fill(60, 'new', { criu: '4.3' });
    await fill(20, 'arm', { architecture: 'arm64' });
    const found = await classes();
    expect(found.map(({ devices }) => devices).sort((a, b) => a - b)).toEqual([20, 60, 120]);
    expect(found.every(({ examples }) => examples.length === 5)).toBe(true);
    const old = found.find(({ facts }) => facts.criu === '4.2')!;
    const newer = found.find(({ facts }) => facts.criu === '4.3')!;
    const to = (from: ClassBody, target: ClassBody) => from.movesTo.find((one) => one.class === target.id)!;
    expect(to(old, newer)).toMatchObject({ ok: true, causes: [], devices: 60 });
    expect(codes(to(newer, old).causes)).toEqual(['criuOlder']);
    expect(to(old, old).ok).toBe(true);
    for (const { movesTo } of found) expect(movesTo).toHaveLength(3);
    const [one] = old.examples;
    const shown = (await api.call('GET', `/devices/${one!.id}`)).body as unknown as {
      class: string;
      movesTo: ClassBody['movesTo'];
    };
    expect(shown.class).toBe(old.id);
    // Without itself.
    expect(shown.movesTo.find((to) => to.class === old.id)).toMatchObject({ ok: true, devices: 119 });
  });

  it('follow what a device says of itself, and so does what can be moved', async () => {
    const { db } = api.context;
    const [source, target] = [await makeDevice(db), await makeDevice(db)];
    const compute = await makeCompute(db, { deviceId: source.id });
    expect(await movable(compute.id)).toEqual({ ok: true, causes: [] });
    await heartbeat(db, target.id, makeInventory({ criu: '4.0' }));
    expect(codes((await movable(compute.id)).causes)).toEqual(['noTarget', 'criuOlder']);
    expect((await api.call('POST', `/computes/${compute.id}/migrations`, {})).status).toBe(409);
    const [change] = (await eventsOf(db, target.id)).filter(({ type }) => type === 'device.classChanged');
    expect(change?.data).toEqual({ class: classIdOf(makeInventory({ criu: '4.0' })) });
    // A move that chooses its target takes one that it can move to, although another has more memory.
    await heartbeat(db, target.id, makeInventory({ criu: '4.0', memoryAvailableBytes: 4000 * MIB }));
    const other = await makeDevice(db, { inventory: { memoryAvailableBytes: 500 * MIB } });
    expect((await movable(compute.id)).ok).toBe(true);
    const moved = await api.call('POST', `/computes/${compute.id}/migrations`, {});
    expect([moved.status, (moved.body as unknown as { target: { id: string } }).target.id]).toEqual([
      202,
      other.id,
    ]);
  });

  it('are not all: a compute stays where no other device is ready, or has room', async () => {
    const { db } = api.context;
    const source = await makeDevice(db);
    const compute = await makeCompute(db, { deviceId: source.id });
    expect(codes((await movable(compute.id)).causes)).toEqual(['noTarget']);
    const target = await makeDevice(db, { inventory: { memoryAvailableBytes: 80 * MIB } });
    expect(codes((await movable(compute.id)).causes)).toEqual(['noTarget', 'noRoom']);
    await heartbeat(db, target.id, makeInventory());
    expect((await movable(compute.id)).ok).toBe(true);
    await api.call('POST', `/devices/${target.id}/cordon`);
    expect(codes((await movable(compute.id)).causes)).toEqual(['noTarget']);
  });

  it('count no device that waits or was removed', async () => {
    const [first, second] = [await makeDevice(api.context.db), await makeDevice(api.context.db)];
    expect((await classes()).map(({ devices }) => devices)).toEqual([2]);
    await api.call('DELETE', `/devices/${first.id}`);
    expect((await classes()).map(({ examples }) => examples)).toEqual([
      [{ id: second.id, name: second.name }],
    ]);
  });
});

describe('what the operator says of a device', () => {
  it('is kept, shown and changed; what is not given stays', async () => {
    const { id: device } = await makeDevice(api.context.db, { name: 'edge' });
    const change = (body: object) => api.call('PATCH', '/devices/edge', body);
    expect((await change({ location: 'Hall 3', labels: { rack: '7' } })).body).toMatchObject({
      id: device,
      location: 'Hall 3',
      labels: { rack: '7' },
    });
    expect((await change({ labels: { zone: 'b' } })).body).toMatchObject({
      location: 'Hall 3',
      labels: { zone: 'b' },
    });
    expect((await change({ location: null })).body).toMatchObject({ location: null, labels: { zone: 'b' } });
    expect(
      (await eventsOf(api.context.db, device)).filter(({ type }) => type === 'device.updated'),
    ).toHaveLength(3);
    // A sign of life does not touch it.
    await heartbeat(api.context.db, device, makeInventory());
    expect((await api.call('GET', '/devices/edge')).body).toMatchObject({ labels: { zone: 'b' } });
  });

  it.each<[string, object]>([
    ['a label that is none', { labels: { 'No Label': 'x' } }],
    [
      'too many labels',
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${String(n)}`, ''])) },
    ],
    ['a location of 10,000 characters', { location: 'x'.repeat(10_000) }],
    ['a terminal sequence', { location: '\u001b[2J' }],
  ])('is refused with %s', async (_what, body) => {
    await makeDevice(api.context.db, { name: 'edge' });
    const answer = await api.call('PATCH', '/devices/edge', body);
    expect([answer.status, answer.body.causes[0]!.code]).toEqual([400, 'invalid']);
  });
});
