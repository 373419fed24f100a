import type { TestProject } from 'vitest/node';
import setupLabs from '../lab/globalSetup.ts';

/** As for labs of namespaces, but the lab that the files share has guests of QEMU. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const done = await setupLabs(project);
  project.provide('labGuests', 'x64');
  return done;
}
