import { createServer } from 'node:net';
import { DrayageError } from '../core/cause.ts';
import { networksInUse } from './machine/network.ts';
import { listLabs, readLab, type LabRecord } from './state.ts';
import { pickSubnet } from './topology.ts';

/** Ports of the first lab; further ones count up from here. */
const FIRST_PORTS = { api: 7480, postgres: 54380, temporal: 7233, temporalUi: 8233 };
const PORT_TRIES = 100;

/** What labs side by side must not share. The caller holds the lock of all labs until the record is written. */
export async function allocate(): Promise<Pick<LabRecord, 'subnet' | 'ports'>> {
  const others = (await Promise.all((await listLabs()).map(readLab))).filter((lab) => lab !== null);
  const taken = [...(await networksInUse()), ...others.map((lab) => lab.addresses.subnet)];
  const subnet = pickSubnet(taken);
  if (subnet === undefined) {
    throw new DrayageError({
      code: 'noFreeSubnet',
      message: 'No network 10.77.0.0/16 to 10.176.0.0/16 is free on this machine.',
      mend: 'Bring down labs that are not needed (drayage lab down --name NAME), or remove routes to these networks.',
    });
  }
  const reserved = new Set(others.flatMap((lab) => Object.values(lab.ports)));
  return {
    subnet,
    ports: {
      api: await freePort(FIRST_PORTS.api, reserved),
      postgres: await freePort(FIRST_PORTS.postgres, reserved),
      temporal: await freePort(FIRST_PORTS.temporal, reserved),
      temporalUi: await freePort(FIRST_PORTS.temporalUi, reserved),
    },
  };
}

/** The first port from `first` on that nobody listens on and no other lab has. */
async function freePort(first: number, reserved: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + PORT_TRIES; port++) {
    if (!reserved.has(port) && (await isFree(port))) return port;
  }
  throw new DrayageError({
    code: 'noFreePort',
    message: `No port from ${first} to ${first + PORT_TRIES - 1} is free on 127.0.0.1.`,
    mend: 'End what listens there.',
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
