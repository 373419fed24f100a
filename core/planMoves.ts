import type { Cause } from './cause.ts';
import {
  type Candidate,
  choosePlacement,
  type Demand,
  fixedCauses,
  type PlacementStrategy,
  roomCauses,
  roomOf,
} from './choosePlacement.ts';
import type { MovePrediction } from './predictMove.ts';
import { type Looked, summarizeCauses } from './summarizeCauses.ts';

/** Computes that move as one, and shall be moved. */
export interface MoveUnit {
  /** Of the group. */
  id: string;
  /** For a person. */
  name: string;
  /** Id of the device that it is on. */
  source: string;
  demand: Demand;
  /** What forbids to move it at all now. */
  against: readonly Cause[];
  /** Where it was going to be moved; kept while that can be. */
  target: string | null;
  /** Only there, when it is given. */
  only?: string | undefined;
  /** Where it was tried in vain. */
  avoid?: readonly string[] | undefined;
}

/** All devices, with what of their room is free for these moves. */
export interface MoveWorld {
  devices: readonly Candidate[];
  /** Why nothing moves from one device to another, whatever it is; empty when it can. */
  between(source: string, target: string): readonly Cause[];
  predict(unit: MoveUnit, target: string): MovePrediction;
  strategy?: PlacementStrategy | undefined;
}

/** What is planned for a unit. */
export interface PlannedMove {
  unit: MoveUnit;
  /** Null: it cannot be moved as things are; the causes say why. */
  target: string | null;
  predicted: MovePrediction | null;
  /** One sentence: why there, or why not at all. */
  reason: string;
  causes: readonly Cause[];
}

/** How far pushing goes: one pushes others, which push others, which push others. */
const DEPTH = 3;
/** How often in a plan it is tried to push somebody: what is hopeless among a thousand devices must not take minutes. */
const MOST_PUSHES = 2_000;

interface Placed {
  target: string;
  reason: string;
}

/**
 * Finds a target for each unit, so that no device gets more than it has room for, nothing that is kept apart meets, and what
 * was planned before stays where that can be. The biggest first; what then finds no room may push others, that have not been
 * begun, to where they fit too.
 */
export function planMoves(units: readonly MoveUnit[], world: MoveWorld): PlannedMove[] {
  const ordered = biggestFirst(units, world);
  const table = new Table(world);
  const movable = ordered.filter(({ against }) => against.length === 0);
  const fresh = movable.filter((unit) => !table.keep(unit));
  for (const unit of fresh) table.push(unit, DEPTH, new Set([unit.id]));
  // What others were pushed away from may do for one of those that found nothing.
  for (const unit of fresh) if (!table.has(unit)) table.place(unit);
  return ordered.map((unit) => planned(unit, table, world));
}

/** What takes longest is the likeliest to fail, and then has the most time to be tried again; big ones are also harder to fit. */
function biggestFirst(units: readonly MoveUnit[], world: Pick<MoveWorld, 'predict'>): MoveUnit[] {
  const ms = new Map(
    units.map((unit) => [unit.id, world.predict(unit, unit.target ?? unit.only ?? '').totalMs]),
  );
  return [...units].sort(
    (a, b) =>
      b.demand.memoryBytes - a.demand.memoryBytes ||
      (ms.get(b.id) ?? 0) - (ms.get(a.id) ?? 0) ||
      a.name.localeCompare(b.name),
  );
}

function planned(unit: MoveUnit, table: Table, world: MoveWorld): PlannedMove {
  const [against] = unit.against;
  if (against) return { unit, target: null, predicted: null, reason: against.message, causes: unit.against };
  const placed = table.get(unit);
  if (placed) {
    return { unit, ...placed, predicted: world.predict(unit, placed.target), causes: [] };
  }
  const causes = whyNowhere(unit, table);
  return { unit, target: null, predicted: null, reason: causes[0].message, causes };
}

/** The rooms of all devices, and who has been given what of them. */
class Table {
  readonly #world: MoveWorld;
  readonly #rooms: Map<string, Candidate>;
  readonly #placed = new Map<string, Placed & { unit: MoveUnit }>();
  #pushes = 0;

  constructor(world: MoveWorld) {
    this.#world = world;
    this.#rooms = new Map(world.devices.map((device) => [device.id, { ...device }]));
  }

  has(unit: MoveUnit): boolean {
    return this.#placed.has(unit.id);
  }

  get(unit: MoveUnit): Placed | null {
    const found = this.#placed.get(unit.id);
    return found ? { target: found.target, reason: found.reason } : null;
  }

  /** Every device but its own, as it is with what has been planned. */
  looked(unit: MoveUnit): { device: Candidate; fixed: Cause[]; room: Cause[] }[] {
    return [...this.#rooms.values()]
      .filter(({ id }) => id !== unit.source && (unit.only === undefined || unit.only === id))
      .map((device) => ({
        device,
        fixed: this.#fixed(unit, device),
        room: roomCauses(device, unit.demand),
      }));
  }

  /** Keeps the target that it had. */
  keep(unit: MoveUnit): boolean {
    const device = unit.target === null ? undefined : this.#rooms.get(unit.target);
    if (!device || device.id === unit.source) return false;
    if (unit.only !== undefined && unit.only !== device.id) return false;
    if (this.#fixed(unit, device).length > 0 || roomCauses(device, unit.demand).length > 0) return false;
    this.#take(unit, device, `${device.name} was chosen before and can still take it.`);
    return true;
  }

  place(unit: MoveUnit): boolean {
    const possible = this.looked(unit).map(({ device, fixed }) => ({ ...device, against: fixed }));
    const decision = choosePlacement(possible, unit.demand, { strategy: this.#world.strategy });
    if (decision.action === 'refuse') return false;
    const device = this.#rooms.get(decision.device.id);
    if (device) this.#take(unit, device, decision.reason);
    return device !== undefined;
  }

  /**
   * Places a unit, if need be where others are planned that then go elsewhere, who may push in turn; nothing is changed when
   * that does not help.
   */
  push(unit: MoveUnit, depth: number, moving: ReadonlySet<string>): boolean {
    if (this.place(unit)) return true;
    if (depth === 0) return false;
    for (const { device, fixed } of this.looked(unit)) {
      if (!fixed.every(({ code }) => code === 'keptApart')) continue;
      const others = this.#placedOn(device.id).filter((other) => !moving.has(other.unit.id));
      // One alone, the smallest first; then the biggest ones together.
      const sets = [
        ...others.map((other) => [other]),
        ...others.map((_, count) => others.slice(-count - 2)).slice(0, -1),
      ];
      for (const set of sets) if (this.#swap(unit, device, set, depth, moving)) return true;
    }
    return false;
  }

  /** Gives a unit the room of others, if each of these finds another. */
  #swap(
    unit: MoveUnit,
    device: Candidate,
    others: readonly (Placed & { unit: MoveUnit })[],
    depth: number,
    moving: ReadonlySet<string>,
  ): boolean {
    if (this.#pushes >= MOST_PUSHES) return false;
    this.#pushes += 1;
    const before = new Map(this.#placed);
    for (const other of others) this.#give(other.unit);
    if (this.#fixed(unit, device).length === 0 && roomCauses(device, unit.demand).length === 0) {
      const names = others.map((other) => other.unit.name).join(', ');
      this.#take(
        unit,
        device,
        `${device.name} has room for it, since ${names} ${others.length === 1 ? 'goes' : 'go'} elsewhere.`,
      );
      const all = new Set([...moving, ...others.map((other) => other.unit.id)]);
      if (others.toReversed().every((other) => this.push(other.unit, depth - 1, all))) return true;
    }
    this.#restore(before);
    return false;
  }

  #restore(before: ReadonlyMap<string, Placed & { unit: MoveUnit }>): void {
    for (const [id, { unit, target }] of this.#placed)
      if (before.get(id)?.target !== target) this.#give(unit);
    for (const [id, { unit, target, reason }] of before) {
      const device = this.#rooms.get(target);
      if (!this.#placed.has(id) && device) this.#take(unit, device, reason);
    }
  }

  /** The smallest first. */
  #placedOn(device: string): (Placed & { unit: MoveUnit })[] {
    return [...this.#placed.values()]
      .filter(({ target }) => target === device)
      .toSorted((a, b) => a.unit.demand.memoryBytes - b.unit.demand.memoryBytes);
  }

  #fixed(unit: MoveUnit, device: Candidate): Cause[] {
    const failed = unit.avoid?.includes(device.id) === true ? [failedBefore(unit, device)] : [];
    return [...fixedCauses(device, unit.demand), ...this.#world.between(unit.source, device.id), ...failed];
  }

  #take(unit: MoveUnit, device: Candidate, reason: string): void {
    device.memoryAvailableBytes -= unit.demand.memoryBytes;
    device.diskAvailableBytes -= unit.demand.diskBytes;
    device.apart = [...(device.apart ?? []), ...(unit.demand.apart ?? [])];
    this.#placed.set(unit.id, { unit, target: device.id, reason });
  }

  #give(unit: MoveUnit): void {
    const placed = this.#placed.get(unit.id);
    const device = placed && this.#rooms.get(placed.target);
    if (!device) return;
    this.#placed.delete(unit.id);
    device.memoryAvailableBytes += unit.demand.memoryBytes;
    device.diskAvailableBytes += unit.demand.diskBytes;
    const apart = [...(device.apart ?? [])];
    for (const word of unit.demand.apart ?? []) apart.splice(apart.indexOf(word), 1);
    device.apart = apart;
  }
}

function failedBefore(unit: MoveUnit, device: Candidate): Cause {
  return {
    code: 'failedBefore',
    message: `A move of ${unit.name} to ${device.name} has failed before.`,
    mend: 'Look at that move with `drayage migration ls`, and move it by hand once its cause is mended.',
  };
}

/** Why a unit finds no device, what would help, and then what speaks against each. */
function whyNowhere(unit: MoveUnit, table: Table): [Cause, ...Cause[]] {
  const looked = table.looked(unit);
  const all: Looked[] = looked.map(({ device, fixed, room }) => ({ device, causes: [...fixed, ...room] }));
  const first: Cause = {
    code: 'noDevice',
    message: all.length === 0 ? 'There is no other device.' : summarizeCauses(all),
    mend: whatWouldHelp(unit, looked),
  };
  return [first, ...all.flatMap(({ causes }) => causes)];
}

const MIB = 2 ** 20;

/** The least that would have to change: room on the device that lacks the least of it, else what forbids the fewest. */
function whatWouldHelp(
  unit: MoveUnit,
  looked: { device: Candidate; fixed: Cause[]; room: Cause[] }[],
): string {
  const lacks = (device: Candidate) => {
    const { memoryBytes, diskBytes } = roomOf(device);
    return {
      memory: Math.max(0, unit.demand.memoryBytes - memoryBytes),
      disk: Math.max(0, unit.demand.diskBytes - diskBytes),
    };
  };
  const [nearest] = looked
    .filter(({ fixed }) => fixed.length === 0)
    .toSorted((a, b) => lacks(a.device).memory - lacks(b.device).memory);
  if (nearest) {
    const { memory, disk } = lacks(nearest.device);
    const parts = [memory > 0 ? mib(memory, 'memory') : '', disk > 0 ? mib(disk, 'disk') : ''].filter(
      Boolean,
    );
    return `Free ${parts.join(' and ')} on ${nearest.device.name}, or join a device with ${mib(unit.demand.memoryBytes, 'memory')} to give.`;
  }
  const [easiest] = looked.toSorted((a, b) => a.fixed.length - b.fixed.length);
  const mend = easiest?.fixed[0]?.mend;
  return mend ?? 'Join or approve another device; `drayage device ls` shows them.';
}

function mib(bytes: number, what: string): string {
  return `${String(Math.ceil(bytes / MIB))} MiB of ${what}`;
}
