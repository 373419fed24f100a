import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { type JsonFlag, subcommand } from '../output.ts';

const PROGRAM = fileURLToPath(new URL('../../workers/join.ts', import.meta.url));

interface JoinFlags extends JsonFlag {
  name?: string;
  controlUrl?: string;
  token?: string;
  link?: string;
  newKey?: boolean;
}

const HELP = `
What is not given here is taken from the environment and from /etc/drayage/node.env. Without a token
the device waits until the operator has approved it, and without --control-url it looks for a control
plane on the local network. Compare the key's fingerprint with \`drayage device show\` before it is
approved, and the authority's with the control plane's log: the first one found is trusted.`;

/** `drayage device join`: what the node worker does at its first start, for a person to watch; on the device itself. */
export function registerJoin(device: Command): void {
  subcommand(
    device,
    'join',
    'join this machine as a device and wait for the approval (on the device, as root)',
  )
    .option('--name <name>', "the device's name; default: the machine's")
    .option('--control-url <url>', 'https://HOST:7443; without it the control plane is looked for')
    .option('--token <token>', 'of `drayage device token`: proves the control plane, and needs no discovery')
    .option('--link <address:port>', 'where other devices reach this one')
    .option('--new-key', 'forget the key and the control plane that this device has waited with so far')
    .addHelpText('after', HELP)
    .action(async (flags: JoinFlags) => {
      process.exitCode = await become(flags);
    });
}

async function become(flags: JoinFlags): Promise<number> {
  const given = {
    DRAYAGE_DEVICE_NAME: flags.name,
    DRAYAGE_CONTROL_URL: flags.controlUrl,
    DRAYAGE_JOIN_TOKEN: flags.token,
    DRAYAGE_LINK_LISTEN: flags.link,
  };
  const words = [...(flags.json === true ? ['--json'] : []), ...(flags.newKey === true ? ['--new-key'] : [])];
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...words], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    },
  });
  // A terminal sends it to the child too, which ends in order.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}
