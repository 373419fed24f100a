import type { TestLab } from '../support.ts';
import type { SampleScene } from './sampleScene.ts';

/** What the kernel says of the compute's first process, and the engine of its container. */
export interface Rights {
  seccomp: string;
  noNewPrivileges: string;
  capabilities: string[];
  /** Bytes. */
  memoryLimit: string;
  nanoCpus: string;
  /** Whether the kernel may give the process huge pages. */
  hugePages: string;
  openFiles: string;
  niceness: string;
  environment: string;
  hostname: string;
}

/** Looks at a scene's compute from its device, as an operator with Docker at hand would. */
export class DeviceSide {
  readonly #lab: TestLab;
  readonly #scene: SampleScene;

  constructor(lab: TestLab, scene: SampleScene) {
    this.#lab = lab;
    this.#scene = scene;
  }

  containerName(): string {
    return `drayage-${this.#scene.id}`;
  }

  /** Name of the device the compute is on. */
  async device(): Promise<string> {
    return (await this.#scene.show()).device.name;
  }

  async docker(device: string, args: string[]): Promise<string> {
    return (await this.#lab.exec(device, ['docker', ...args])).stdout.trim();
  }

  async execInside(command: string[]): Promise<string> {
    return this.docker(await this.device(), ['exec', this.containerName(), ...command]);
  }

  /** Ends the compute's first process, past the engine: an end of its own, as far as the engine can tell. */
  async killFirstProcess(): Promise<void> {
    const device = await this.device();
    const pid = await this.docker(device, ['inspect', '--format', '{{.State.Pid}}', this.containerName()]);
    await this.#lab.exec(device, ['kill', '-9', pid]);
  }

  async look(): Promise<Rights> {
    const device = await this.device();
    const inspect = (format: string) =>
      this.docker(device, ['inspect', '--format', format, this.containerName()]);
    const pid = await inspect('{{.State.Pid}}');
    const status = (await this.#lab.exec(device, ['cat', `/proc/${pid}/status`])).stdout;
    const limits = (await this.#lab.exec(device, ['cat', `/proc/${pid}/limits`])).stdout;
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
    return {
      seccomp: field('Seccomp'),
      noNewPrivileges: field('NoNewPrivs'),
      capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(field),
      memoryLimit: await inspect('{{.HostConfig.Memory}}'),
      nanoCpus: await inspect('{{.HostConfig.NanoCpus}}'),
      hugePages: field('THP_enabled'),
      openFiles: /^Max open files\s+(.*)$/m.exec(limits)?.[1]?.trim() ?? '',
      niceness: (await this.#lab.exec(device, ['ps', '-o', 'ni=', '-p', pid])).stdout.trim(),
      environment: await this.execInside(['env']),
      hostname: await this.execInside(['cat', '/etc/hostname']),
    };
  }
}
