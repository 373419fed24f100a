import type { TestProject } from 'vitest/node';
import setupLabs from '../lab/globalSetup.ts';

/**
 * As for labs of namespaces, but the lab that the files share has guests of QEMU. DRAYAGE_TEST_LAB names one that is up
 * (`lab up --name NAME --guests x64`) and stays: guests take minutes to boot and to join.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const done = await setupLabs(project);
  const standing = process.env['DRAYAGE_TEST_LAB'];
  if (standing !== undefined) project.provide('labPrefix', standing);
  project.provide('labGuests', 'x64');
  return done;
}
