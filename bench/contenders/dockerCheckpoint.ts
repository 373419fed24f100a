import { copyFile } from 'node:fs/promises';
import { until } from '../../core/until.ts';
import { fileOnDevice } from '../../lab/deviceProcess.ts';
import { quote } from '../../lab/guest/ssh.ts';
import { buildPagesImage } from '../../lab/programs/buildPagesImage.ts';
import type { Lab } from '../../lab/state.ts';
import type { Workload } from '../workloads.ts';
import type { Contender, Outcome, Running } from './contender.ts';
import { prepareCopy } from './copy.ts';
import { shellOn, spareAddress } from './deviceShell.ts';
import { moveByHand } from './moveByHand.ts';

const DISK = '/var/lib/drayage/bench-docker';
const RUN = '/run/bench-docker';
const CRIU_OPTIONS = '/etc/criu/runc.conf';
const SANDBOX = 'sandbox';
const CONTAINER = 'compute';
const CHECKPOINT = 'moved';
const CHECKPOINTS = `${RUN}/checkpoints`;
/** The device's end of the container's cable. */
const CARD = 'vbench';
/** Its address; Podman has another. */
const HOST = 6;
const DAEMON_MS = 60_000;
/** Where containerd unpacks a checkpoint; a restore that does not go well leaves it. */
const UNPACKED = '/tmp/ctrd-checkpoint*';

/**
 * The plain procedure with Docker's own checkpoint: create, copy, `docker start --checkpoint`. A daemon of its own has the
 * experimental flag that this needs. The container joins a sandbox's network, without which Docker 28 cannot restore it,
 * and its cable is plugged in on the target once it runs, without which its connections would be reset.
 */
export class DockerCheckpoint implements Contender {
  #lab: Lab | null = null;
  #images = new Set<string>();

  async setUp(lab: Lab): Promise<void> {
    this.#lab = lab;
    for (const device of lab.devices) await this.#startDaemon(device);
  }

  async start(workload: Workload): Promise<Running> {
    const lab = this.#ready();
    const [source = '', target = ''] = lab.devices;
    const image = await this.#import(workload);
    const { ip } = spareAddress(lab, HOST);
    const options = `--name ${CONTAINER} --network container:${SANDBOX} --log-driver none`;
    const words = `${image} ${workload.command.map(quote).join(' ')}`;
    // Of a move that failed something may be left.
    await this.#remove();
    const busybox = await this.#import({ program: SANDBOX, buildImage: buildPagesImage });
    for (const device of lab.devices) await this.#startSandbox(device, busybox);
    await shellOn(lab, source, `ip link set ${CARD} master br0`);
    await this.#docker(source, `run --detach ${options} ${words}`);
    const id = await this.#docker(target, `create ${options} ${words}`);
    const move = () => this.#move(`${DISK}/data/containers/${id}/checkpoints`);
    return { ip, container: CONTAINER, move, remove: () => this.#remove() };
  }

  async tearDown(): Promise<void> {
    await this.#remove().catch(() => {});
    const lab = this.#ready();
    for (const device of lab.devices) {
      await shellOn(lab, device, `[ ! -e ${RUN}/docker.pid ] || kill "$(cat ${RUN}/docker.pid)"`);
      const gone = async () => (await shellOn(lab, device, `ls ${RUN}/docker.pid 2> /dev/null || :`)) === '';
      await until(`the benchmark's dockerd of ${device} to end`, DAEMON_MS, gone);
      await shellOn(lab, device, `rm -rf ${DISK} ${RUN} ${CRIU_OPTIONS}`);
    }
    this.#images.clear();
  }

  async #startDaemon(device: string): Promise<void> {
    const lab = this.#ready();
    const options = [
      `--config-file ${RUN}/daemon.json --experimental --bridge none --iptables=false --ip6tables=false`,
      `--data-root ${DISK}/data --exec-root ${RUN}/exec --pidfile ${RUN}/docker.pid --host unix://${RUN}/docker.sock`,
      `--storage-driver overlay2 --feature containerd-snapshotter=false --cgroup-parent /${lab.names.cgroup}/${device}`,
    ].join(' ');
    await shellOn(
      lab,
      device,
      `mkdir -p ${DISK} ${RUN} /etc/criu
      echo tcp-established > ${CRIU_OPTIONS}
      echo '{}' > ${RUN}/daemon.json
      setsid dockerd ${options} > ${RUN}/dockerd.log 2>&1 < /dev/null &`,
    );
    const answers = () =>
      this.#docker(device, 'version').then(
        () => true,
        () => false,
      );
    await until(`the benchmark's dockerd of ${device}`, DAEMON_MS, answers, 200);
  }

  /** With the container's network, the cable of which hangs loose. */
  async #startSandbox(device: string, image: string): Promise<void> {
    const { ip, mac, prefix } = spareAddress(this.#ready(), HOST);
    await this.#docker(
      device,
      `run --detach --name ${SANDBOX} --network none ${image} /bin/sleep 2147483647`,
    );
    const pid = await this.#docker(device, `inspect --format '{{.State.Pid}}' ${SANDBOX}`);
    await shellOn(
      this.#ready(),
      device,
      `ip link add ${CARD} type veth peer name eth0 netns ${pid} address ${mac}
      nsenter --target ${pid} --net ip addr add ${ip}/${prefix} dev eth0
      nsenter --target ${pid} --net ip link set eth0 up
      ip link set ${CARD} up`,
    );
  }

  /** `folder`: where the target's engine looks for the checkpoints of its container. */
  async #move(folder: string): Promise<Outcome> {
    const lab = this.#ready();
    const [source = '', target = ''] = lab.devices;
    const { ip } = spareAddress(lab, HOST);
    await shellOn(lab, target, `mkdir -p ${folder}`);
    const sandbox = await this.#docker(target, `inspect --format '{{.State.Pid}}' ${SANDBOX}`);
    const copy = await prepareCopy(
      lab,
      ['tar', '-C', CHECKPOINTS, '-cf', '-', CHECKPOINT],
      ['tar', '-C', folder, '-xf', '-'],
    );
    return moveByHand(copy, async (clock) => {
      const create = `checkpoint create --checkpoint-dir ${CHECKPOINTS} ${CONTAINER} ${CHECKPOINT}`;
      await clock.time('checkpoint', () => this.#docker(source, create));
      await clock.time('copy', () =>
        Promise.all([copy.go(), shellOn(lab, source, `ip link set ${CARD} nomaster`)]),
      );
      const announce = `nsenter --target ${sandbox} --net arping -q -c 1 -A -I eth0 ${ip} || :`;
      await clock.time('restore', () =>
        this.#docker(
          target,
          `start --checkpoint ${CHECKPOINT} ${CONTAINER}`,
          `ip link set ${CARD} master br0; ${announce}`,
        ),
      );
    });
  }

  async #import(workload: Pick<Workload, 'program' | 'buildImage'>): Promise<string> {
    const lab = this.#ready();
    const name = `bench/${workload.program}`;
    if (this.#images.has(name)) return name;
    for (const device of lab.devices) {
      await copyFile(await workload.buildImage(), await fileOnDevice(lab, device, `${RUN}/rootfs.tar`));
      await this.#docker(device, `import ${RUN}/rootfs.tar ${name}`, `rm ${RUN}/rootfs.tar`);
    }
    this.#images.add(name);
    return name;
  }

  async #remove(): Promise<void> {
    for (const device of this.#ready().devices) {
      await this.#docker(device, `rm --force ${CONTAINER} ${SANDBOX} 2> /dev/null || :`);
      await shellOn(
        this.#ready(),
        device,
        `rm -rf ${CHECKPOINTS} ${UNPACKED}; ip link del ${CARD} 2> /dev/null || :`,
      );
    }
  }

  #docker(device: string, words: string, after = ':'): Promise<string> {
    return shellOn(this.#ready(), device, `docker --host unix://${RUN}/docker.sock ${words}\n${after}`);
  }

  #ready(): Lab {
    if (this.#lab === null) throw new Error('set it up first');
    return this.#lab;
  }
}
