import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { Address } from '../../core/compute.ts';
import { networkRulesSchema, type NetworkRules } from '../../core/networkRules.ts';
import { readStored, writeStored } from '../control/storedFile.ts';
import { makeGateway, plugGateway } from './gateway.ts';
import { nft } from './nft.ts';
import { bridgeRules } from './rules/bridgeRules.ts';
import { hostRules } from './rules/hostRules.ts';
import { sysctls } from './rules/sysctls.ts';
import type { Bound } from './rules/types.ts';
import { vethName } from './vethName.ts';

const run = promisify(execFile);

/** What a device keeps, so that its rules stand again before it has spoken with the control plane. */
const storedSchema = z.object({ network: networkRulesSchema, control: z.array(z.ipv4()) });

export interface DeviceRulesOptions {
  bridge: string;
  /** File in which the last answer is kept. */
  path: string;
  /** TCP ports of this device's own services. */
  kept: readonly number[];
  /** Names or addresses of the control plane. */
  controlHosts: readonly string[];
  /** Asks the control plane; null when it is of a version that has no rules. */
  fetch: () => Promise<NetworkRules | null>;
  log: (message: string, detail: object) => void;
}

type Owner = { id: string; address: Pick<Address, 'ip' | 'mac'> };

/**
 * The rules of this device's network: who may reach whom, the gateway, published ports. The control plane says what there
 * is as a whole, the device adds which computes are here, and all of it takes the place of what was, at once.
 */
export class DeviceRules {
  readonly #options: DeviceRulesOptions;
  readonly #bound = new Map<string, Bound>();
  #network: NetworkRules | null = null;
  #control: string[] = [];
  /** What the kernel has. */
  #applied = '';
  #gateway = '';
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DeviceRulesOptions) {
    this.#options = options;
  }

  /** The rules as they were last known, for the computes that are here. */
  async start(here: readonly Owner[]): Promise<void> {
    for (const owner of here) this.#bound.set(owner.id, boundOf(owner));
    const stored = await readStored(this.#options.path, storedSchema);
    if (stored === null) return;
    try {
      await this.#inTurn(() => this.#apply(stored.network, stored.control));
    } catch (error) {
      this.#options.log('the rules of the network do not stand: no compute is started', {
        error: String(error),
      });
    }
  }

  /** Takes the newest rules over, if this version is not what is known already. Says what hinders it, and is asked again. */
  async follow(version: string): Promise<void> {
    if (this.#network?.version === version) return;
    try {
      await this.#inTurn(() => this.#renew());
    } catch (error) {
      this.#options.log('the rules of the network could not be renewed', { error: String(error) });
    }
  }

  /**
   * Before a compute's interface is made: from here on it has its own addresses only, and reaches whom it may.
   * @throws DrayageError when the rules cannot be set: without them the compute must not be on the network
   */
  async bind(owner: Owner): Promise<void> {
    await this.#inTurn(async () => {
      const bound = boundOf(owner);
      // Started again where it was: nothing is new, and nobody has to be asked.
      if (JSON.stringify(this.#bound.get(owner.id)) === JSON.stringify(bound) && this.#applied !== '') return;
      this.#bound.set(owner.id, bound);
      try {
        await this.#renewOrRepeat();
      } catch (error) {
        this.#bound.delete(owner.id);
        throw error;
      }
    });
  }

  /** The interface is gone. What names it goes with the next change: none can take its name but the compute's own. */
  unbind(computeId: string): void {
    this.#bound.delete(computeId);
  }

  /** An absent control plane is no reason not to start a compute; rules that cannot be set are. */
  async #renewOrRepeat(): Promise<void> {
    try {
      await this.#renew();
    } catch (error) {
      if (this.#network === null) throw error;
      await this.#apply(this.#network, this.#control);
    }
  }

  async #renew(): Promise<void> {
    const network = await this.#options.fetch();
    if (network === null) return;
    const control = await this.#lookUp();
    await this.#apply(network, control);
    await writeStored(this.#options.path, { network, control });
  }

  async #lookUp(): Promise<string[]> {
    const found = await Promise.all(
      this.#options.controlHosts.map((host) => lookup(host, { family: 4, all: true }).catch(() => [])),
    );
    const addresses = [...new Set(found.flat().map(({ address }) => address))].sort();
    return addresses.length > 0 ? addresses : this.#control;
  }

  async #apply(network: NetworkRules, control: string[]): Promise<void> {
    const { bridge, kept } = this.#options;
    const bound = [...this.#bound.values()].sort((one, other) => (one.veth < other.veth ? -1 : 1));
    const input = { bridge, network, bound, control, kept };
    const script = bridgeRules(input) + hostRules(input);
    if (script !== this.#applied) await this.#replace(script, network);
    [this.#network, this.#control] = [network, control];
  }

  async #replace(script: string, { gateway: wanted }: NetworkRules): Promise<void> {
    const { bridge } = this.#options;
    const gateway = JSON.stringify(wanted);
    const isNew = this.#gateway !== gateway;
    try {
      if (isNew) await this.#prepareKernel(wanted);
      await nft(script);
      if (isNew && wanted !== null) await plugGateway(bridge);
      [this.#applied, this.#gateway] = [script, gateway];
    } catch (error) {
      throw new DrayageError(
        {
          code: 'networkRulesFailed',
          message: `The rules of the computes' network could not be set: ${words(error)}.`,
          mend: 'Check that nftables and iproute2 are installed and that the bridge named in DRAYAGE_BRIDGE exists.',
        },
        { cause: error, retryable: true },
      );
    }
  }

  async #prepareKernel(gateway: NetworkRules['gateway']): Promise<void> {
    // -e: what a kernel does not have is no error.
    await run('sysctl', ['-eqw', ...sysctls(this.#options.bridge)]);
    await makeGateway(gateway);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function boundOf({ id, address: { ip, mac } }: Owner): Bound {
  return { veth: vethName(id), ip, mac };
}

function words(error: unknown): string {
  const said = (error as { stderr?: string }).stderr?.trim() ?? '';
  return said === '' ? (error as Error).message : said;
}
