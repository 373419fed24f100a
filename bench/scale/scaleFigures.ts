/** One process of the control plane, or all of a kind, over one measurement. */
export interface Use {
  cpuSeconds: number;
  /** At the end, shared pages counted once. */
  memoryBytes: number;
}

/** What was seen with so many devices. */
export interface Step {
  devices: number;
  seconds: number;
  /** By name of the process. */
  parts: Record<string, Use>;
  /** Answered by the API in that time. */
  heartbeats: number;
  /** Devices that were ready at its end. */
  ready: number;
}

export interface ScaleFigure {
  name: string;
  value: number;
  atMost?: number;
  atLeast?: number;
  parts: Record<string, number>;
}

/** A device sends a sign of life every two seconds, and waits for its answer between. */
const HEARTBEATS_PER_DEVICE_SECOND = 0.5;
/** Of those that are due, at least so many have to come: else cost that seems to shrink is work that was not done. */
const HEARTBEATS_KEPT = 0.9;
/** Linear is 1. What two measurements of the same differ by on a machine of two cores. */
const LINEAR = 1.1;

/** A process's use for 100 devices: of a processor in percent, and of memory in bytes. */
export function per100({ devices, seconds }: Step, { cpuSeconds, memoryBytes }: Use) {
  return {
    cpuPercent: ((cpuSeconds / seconds) * 100 * 100) / devices,
    memoryBytes: (memoryBytes * 100) / devices,
  };
}

/** Whether the API grows no faster than the devices. `steps` by number of devices, at least two. */
export function scaleFigures(steps: readonly Step[]): ScaleFigure[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) return [];
  const of = (what: 'cpuPercent' | 'memoryBytes') =>
    Object.fromEntries(steps.map((step) => [step.devices, per100(step, step.parts['api']!)[what]]));
  const grows = (parts: Record<string, number>) =>
    (parts[last.devices] ?? 0) / (parts[first.devices] ?? Infinity);
  const [cpu, memory] = [of('cpuPercent'), of('memoryBytes')];
  const kept = Object.fromEntries(
    steps.map(({ devices, seconds, heartbeats }) => [
      devices,
      heartbeats / (devices * seconds * HEARTBEATS_PER_DEVICE_SECOND),
    ]),
  );
  const ready = Object.fromEntries(steps.map((step) => [step.devices, step.ready / step.devices]));
  return [
    { name: 'apiCpuPer100Grows', value: grows(cpu), atMost: LINEAR, parts: cpu },
    { name: 'apiMemoryPer100Grows', value: grows(memory), atMost: LINEAR, parts: memory },
    {
      name: 'heartbeatsOverDue',
      value: Math.min(...Object.values(kept)),
      atLeast: HEARTBEATS_KEPT,
      parts: kept,
    },
    { name: 'devicesReady', value: Math.min(...Object.values(ready)), atLeast: 1, parts: ready },
  ];
}

export function isMet({ value, atMost = Infinity, atLeast = -Infinity }: ScaleFigure): boolean {
  return value <= atMost && value >= atLeast;
}
