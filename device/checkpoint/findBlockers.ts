import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Cause } from '../../core/cause.ts';
import { findFreezer, pidsOf } from './cgroupFreezer.ts';
import { isForeignInside } from './foreignProcesses.ts';

const run = promisify(execFile);

/** What of a running compute CRIU cannot dump, found before anything is stopped. `pid` is its init on this device. */
export async function findBlockers(name: string, pid: number): Promise<Cause[]> {
  const pids = await pidsOf(await findFreezer(pid));
  const causes: Cause[] = [];
  if (await isForeignInside(pid)) causes.push(execOpen(name));
  for (const one of pids) causes.push(...(await ofProcess(name, one)));
  if (await hasSockets(pid, '-M'))
    causes.push({
      code: 'mptcp',
      message: `Compute ${name} has MPTCP sockets, which CRIU cannot dump.`,
      mend: 'Go programs: start it with GODEBUG=multipathtcp=0.',
    });
  if (await hasSockets(pid, '-S'))
    causes.push({
      code: 'sctp',
      message: `Compute ${name} has SCTP sockets, which CRIU cannot dump.`,
      mend: 'Move it stopped, or use TCP.',
    });
  return causes.filter((cause, index) => causes.findIndex(({ code }) => code === cause.code) === index);
}

/** What speaks against a move while somebody runs something inside the compute. */
export function execOpen(name: string): Cause {
  return {
    code: 'execOpen',
    message: `Somebody runs a command inside compute ${name} (exec); it is not of the compute's own process tree.`,
    mend: 'End that command and try again, or have the move end it: `drayage migrate --end-sessions`.',
  };
}

async function ofProcess(name: string, pid: number): Promise<Cause[]> {
  const causes: Cause[] = [];
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  if (Number(/^TracerPid:\t(\d+)/m.exec(status)?.[1] ?? 0) > 0)
    causes.push({
      code: 'traced',
      message: `A process of compute ${name} is being traced.`,
      mend: 'Detach the debugger and try again.',
    });
  const descriptors = await descriptorsOf(pid);
  if (descriptors.some(({ target }) => target.includes('[io_uring]')))
    causes.push({
      code: 'ioUring',
      message: `Compute ${name} uses io_uring, which CRIU cannot dump.`,
      mend: 'Switch io_uring off in the program (Node: UV_USE_IO_URING=0).',
    });
  if (await hasSemaphore(pid, descriptors))
    causes.push({
      code: 'eventfdSemaphore',
      message: `Compute ${name} uses an eventfd as a semaphore (EFD_SEMAPHORE), which CRIU would restore as an ordinary one.`,
      mend: 'Use a semaphore of the C library, or an eventfd without that flag; or move the compute stopped.',
    });
  return causes;
}

interface Descriptor {
  fd: string;
  /** What it is open to, as /proc shows it. */
  target: string;
}

async function descriptorsOf(pid: number): Promise<Descriptor[]> {
  const directory = `/proc/${pid}/fd`;
  const found = await readdir(directory).catch(() => []);
  return Promise.all(
    found.map(async (fd) => ({ fd, target: await readlink(`${directory}/${fd}`).catch(() => '') })),
  );
}

async function hasSemaphore(pid: number, descriptors: Descriptor[]): Promise<boolean> {
  for (const { fd, target } of descriptors) {
    if (target !== 'anon_inode:[eventfd]') continue;
    const facts = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
    if (/^eventfd-semaphore:\s*1$/m.test(facts)) return true;
  }
  return false;
}

async function hasSockets(pid: number, family: '-M' | '-S'): Promise<boolean> {
  const { stdout } = await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ss', '-Hna', family]).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() !== '';
}
