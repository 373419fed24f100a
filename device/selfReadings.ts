import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readings } from '../core/decideSelfEvacuation.ts';

/** What the kernel says of a device's batteries and of its heat. */
export async function selfReadings(sys = '/sys/class'): Promise<Readings> {
  const supplies = await Promise.all((await entries(join(sys, 'power_supply'))).map(readBattery));
  const batteries = supplies.filter((one) => one !== null).sort((a, b) => b.percent - a.percent);
  const zones = (await entries(join(sys, 'thermal'))).filter((path) => /\/thermal_zone\d+$/.test(path));
  const heats = (await Promise.all(zones.map((path) => number(join(path, 'temp'))))).filter(
    (one) => one !== null,
  );
  return { battery: batteries[0] ?? null, celsius: heats.length === 0 ? null : Math.max(...heats) / 1000 };
}

async function readBattery(path: string): Promise<Readings['battery']> {
  const percent = await number(join(path, 'capacity'));
  // A mouse's or a keyboard's battery is no supply of the device.
  if ((await word(join(path, 'type'))) !== 'Battery' || (await word(join(path, 'scope'))) === 'Device')
    return null;
  return percent === null
    ? null
    : { percent, discharging: (await word(join(path, 'status'))) === 'Discharging' };
}

async function entries(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
}

/** Null when there is no such file; some sensors refuse to be read for a while. */
async function word(file: string): Promise<string | null> {
  return (await readFile(file, 'utf8').catch(() => null))?.trim() ?? null;
}

async function number(file: string): Promise<number | null> {
  const text = await word(file);
  return text === null || !/^-?\d+$/.test(text) ? null : Number(text);
}
