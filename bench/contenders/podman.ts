import { copyFile } from 'node:fs/promises';
import { fileOnDevice } from '../../lab/deviceProcess.ts';
import { quote } from '../../lab/guest/ssh.ts';
import type { Lab } from '../../lab/state.ts';
import type { Workload } from '../workloads.ts';
import type { Contender, Outcome, Running } from './contender.ts';
import { prepareCopy } from './copy.ts';
import { shellOn, spareAddress } from './deviceShell.ts';
import { moveByHand } from './moveByHand.ts';

/** On the device's disk, as Docker's data is. */
const DISK = '/var/lib/drayage/bench-podman';
/** On tmpfs: the archive is never written to a disk. */
const RUN = '/run/bench-podman';
const ARCHIVE = `${RUN}/archive.tar`;
const NETWORK = 'bench';
const CONTAINER = 'bench';
/** Its address; Docker's procedure has another. */
const HOST = 5;
/** Where Podman puts things whatever its options say. Nothing else on a device of the lab uses it. */
const MADE = [
  '/dev/shm/libpod_lock',
  '/run/libpod /run/podman /run/containers /run/netns',
  '/run/lock/netavark.lock',
  '/var/lib/containers',
].join(' ');

/**
 * Podman's own way: checkpoint with `--export`, a copy, restore with `--import`, TCP kept. It joins the device's bridge
 * with an address and a MAC that stay. Nothing is compressed, which suits it best on links that are not slow.
 */
export class Podman implements Contender {
  #lab: Lab | null = null;
  #images = new Set<string>();

  async setUp(lab: Lab): Promise<void> {
    this.#lab = lab;
    const { subnet } = lab.addresses;
    const options = `--driver bridge --interface-name br0 --opt mode=unmanaged --subnet ${subnet} --disable-dns`;
    for (const device of lab.devices) {
      await this.#podman(device, `network create ${options} ${NETWORK}`, `mkdir -p ${DISK} ${RUN}`);
    }
  }

  async start(workload: Workload): Promise<Running> {
    const lab = this.#ready();
    const [source = ''] = lab.devices;
    const image = await this.#import(workload);
    // Of a move that failed something may be left.
    await this.#remove();
    const { ip, mac } = spareAddress(lab, HOST);
    await this.#podman(
      source,
      `run --detach --name ${CONTAINER} --network ${NETWORK} --ip ${ip} --mac-address ${mac} ` +
        `--cgroup-parent /${lab.names.cgroup}/podman ${image} ${workload.command.map(quote).join(' ')}`,
    );
    return { ip, container: CONTAINER, move: () => this.#move(), remove: () => this.#remove() };
  }

  async tearDown(): Promise<void> {
    await this.#remove().catch(() => {});
    const lab = this.#ready();
    for (const device of lab.devices) {
      await this.#podman(device, 'system reset --force').catch(() => {});
      // It mounts the folder of its network namespaces onto itself.
      await shellOn(
        lab,
        device,
        `! mountpoint -q /run/netns || umount /run/netns\nrm -rf ${DISK} ${RUN} ${MADE}`,
      );
    }
    this.#images.clear();
  }

  async #move(): Promise<Outcome> {
    const [source = '', target = ''] = this.#ready().devices;
    const copy = await prepareCopy(
      this.#ready(),
      ['cat', ARCHIVE],
      ['dd', `of=${ARCHIVE}`, 'bs=1M', 'status=none'],
    );
    const checkpoint = `container checkpoint --tcp-established --compress none --export ${ARCHIVE} ${CONTAINER}`;
    const restore = `container restore --tcp-established --import ${ARCHIVE}`;
    return moveByHand(copy, async (clock) => {
      await clock.time('checkpoint', () => this.#podman(source, checkpoint));
      await clock.time('copy', () => copy.go());
      await clock.time('restore', () => this.#podman(target, restore));
    });
  }

  /** The same image, by its id, on every device: an archive names it. */
  async #import(workload: Workload): Promise<string> {
    const lab = this.#ready();
    const name = `localhost/${workload.program}`;
    if (this.#images.has(name)) return name;
    const [source = '', ...targets] = lab.devices;
    const saved = `${RUN}/image.tar`;
    await copyFile(await workload.buildImage(), await fileOnDevice(lab, source, `${RUN}/rootfs.tar`));
    await this.#podman(source, `import ${RUN}/rootfs.tar ${name}`);
    await this.#podman(source, `save --output ${saved} ${name}`, `rm -f ${saved}`);
    for (const target of targets) {
      await copyFile(await fileOnDevice(lab, source, saved), await fileOnDevice(lab, target, saved));
      await this.#podman(target, `load --input ${saved}`);
    }
    for (const device of lab.devices) await shellOn(lab, device, `rm -f ${saved} ${RUN}/rootfs.tar`);
    this.#images.add(name);
    return name;
  }

  async #remove(): Promise<void> {
    for (const device of this.#ready().devices)
      await this.#podman(device, 'rm --all --force --time 0', `rm -f ${ARCHIVE}`);
  }

  #podman(device: string, words: string, before = ':'): Promise<string> {
    const options = `--root ${DISK}/storage --runroot ${RUN}/storage --network-config-dir ${RUN}/networks`;
    const fixed = '--storage-driver overlay --runtime runc --cgroup-manager cgroupfs';
    const script = `${before}\nexport PODMAN_IGNORE_CGROUPSV1_WARNING=1\nexec podman ${options} ${fixed} ${words}`;
    return shellOn(this.#ready(), device, script);
  }

  #ready(): Lab {
    if (this.#lab === null) throw new Error('set it up first');
    return this.#lab;
  }
}
