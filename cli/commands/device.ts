import type { Command } from 'commander';
import type { Answer, Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, openClient } from '../client.ts';
import { ago, details, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';
import { keyValue, wholeNumber } from '../parse.ts';
import { registerEvacuate } from './deviceEvacuate.ts';
import { registerJoin } from './deviceJoin.ts';

type Device = Schemas['Device'];
type DeviceDetail = Answer<'/devices/{id}', 'get'>;

const APPROVE_HELP = `
Before a discovered device is approved, compare its key: \`drayage device show\` here with the log of
its node worker (journalctl -u drayage-node), or with \`drayage device join\` on the device.`;

/** What is said of a device that is to come. */
interface Expected {
  expires: number;
  name?: string;
  location?: string;
  label?: Record<string, string>;
}

/** `drayage device ...` */
export function defineDevice(device: Command): void {
  subcommand(device, 'ls', 'list devices').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/devices', ALL);
    print(flags, page, ({ items }) =>
      table(['NAME', 'ID', 'STATE', 'MEMORY FREE', 'DISK FREE', 'LINK', 'HEARD'], items.map(row)),
    );
  });

  subcommand(device, 'show <device>', 'show a device').action(async (name: string, flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.get('/devices/{id}', { params: { path: { id: name } } }), describe);
  });

  subcommand(device, 'approve <device>', 'let a device take part that has joined or was discovered')
    .option('--name <name>', 'call it so, instead of what it calls itself')
    .addHelpText('after', APPROVE_HELP)
    .action(async (which: string, flags: JsonFlag & { name?: string }) => {
      const client = await openClient();
      const params = { path: { id: which } };
      const approved = await client.post('/devices/{id}/approve', { params, body: { name: flags.name } });
      print(
        flags,
        approved,
        ({ name, state, keyFingerprint }) => `${name} is ${state}, with the key ${keyFingerprint}`,
      );
    });

  subcommand(device, 'update <device>', 'say where a device is and label it')
    .option('--location <text>', 'where it is; an empty text: not known any more')
    .option('--label <K=V>', 'all of its labels, one each time; those that it had are gone', keyValue)
    .action(async (name: string, flags: JsonFlag & { location?: string; label?: Record<string, string> }) => {
      const client = await openClient();
      const { location, label: labels } = flags;
      const body = {
        ...(location === undefined ? {} : { location: location === '' ? null : location }),
        labels,
      };
      const changed = await client.patch('/devices/{id}', { params: { path: { id: name } }, body });
      print(flags, changed, (now) => `${now.name} was changed`);
    });

  registerJoin(device);

  const changes = [
    ['cordon', 'place nothing more on a device'],
    ['uncordon', 'place computes on a device again'],
  ] as const;
  for (const [change, description] of changes) {
    subcommand(device, `${change} <device>`, description).action(async (name: string, flags: JsonFlag) => {
      const client = await openClient();
      const changed = await client.post(`/devices/{id}/${change}`, { params: { path: { id: name } } });
      print(flags, changed, (now) => `${now.name} is ${now.state}`);
    });
  }

  registerEvacuate(device);

  subcommand(device, 'rm <device>', 'remove a device for good, or refuse a discovered one').action(
    async (name: string, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/devices/{id}', { params: { path: { id: name } } });
      print(flags, { removed: name }, () => `${name} was removed`);
    },
  );

  subcommand(device, 'token', 'make a token with which one device may join, once')
    .option('--expires <seconds>', 'how long it may be used', wholeNumber(1, 30 * 86_400), 3600)
    .option('--name <name>', 'the device is going to be called so, whatever it calls itself')
    .option('--location <text>', 'where it is going to be')
    .option('--label <K=V>', 'a label that it is going to have; may be given several times', keyValue)
    .action(async (flags: JsonFlag & Expected) => {
      const client = await openClient();
      const { expires: expiresInSeconds, name, location, label: labels } = flags;
      const made = await client.post('/devices', {
        body: { expiresInSeconds, name, location, labels },
      });
      print(flags, made, ({ token, controlUrl, expiresAt }) =>
        details([
          ['DRAYAGE_CONTROL_URL', controlUrl],
          ['DRAYAGE_JOIN_TOKEN', token],
          ['expires', expiresAt],
        ]),
      );
    });
}

function row(device: Device): string[] {
  const { inventory } = device;
  const free = [inventory.memoryAvailableBytes, inventory.diskAvailableBytes].map(formatBytes);
  return [device.name, device.id, device.state, ...free, inventory.linkAddress, ago(device.lastHeartbeatAt)];
}

function describe(device: DeviceDetail): string {
  const { inventory: it } = device;
  return details([
    ['name', device.name],
    ['id', device.id],
    ['state', device.state],
    ['key', device.keyFingerprint],
    ['heard', ago(device.lastHeartbeatAt)],
    ['location', device.location],
    [
      'labels',
      Object.entries(device.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ],
    ['link', it.linkAddress],
    ['host', `${it.hostname}, ${it.architecture}, ${String(it.cpus)} CPUs, kernel ${it.kernel}`],
    ['engine', `Docker ${it.engine}, runc ${it.runc}, CRIU ${it.criu}`],
    ['CPU', it.cpuFeatures.join(' ')],
    ['tracker', it.dirtyTracker && `${it.dirtyTracker.name}: ${it.dirtyTracker.reason}`],
    ['cgroups', `v${it.cgroupVersion}, ${it.cgroupDriver}`],
    ['memory', `${formatBytes(it.memoryAvailableBytes)} free of ${formatBytes(it.memoryBytes)}`],
    ['disk', `${formatBytes(it.diskAvailableBytes)} free of ${formatBytes(it.diskBytes)}`],
    ['version', it.version],
    ['class', device.class],
    ...device.movesTo.map(({ class: id, devices, ok, causes }): [string, string] => [
      ok ? 'moves to' : 'not to',
      `${id} (${String(devices)} devices)${ok ? '' : `: ${causes.map(({ message }) => message).join(' ')}`}`,
    ]),
    ...device.causes.map(({ message, mend }): [string, string] => ['wrong', `${message} ${mend}`]),
  ]);
}
