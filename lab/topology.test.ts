import { describe, expect, it } from 'vitest';
import {
  addresses,
  clockOffsets,
  deviceNameSchema,
  isNamespaceOf,
  labNameSchema,
  macOf,
  names,
  pickSubnet,
} from './topology.ts';

describe('topology', () => {
  it.each([
    { taken: [], want: 77, why: 'the first when nothing is taken' },
    { taken: ['10.77.0.0/16'], want: 78, why: 'the next when another lab has the first' },
    { taken: ['10.0.0.0/8'], want: undefined, why: 'none when a wider network covers all' },
    { taken: ['0.0.0.0/0', '192.168.1.0/24'], want: 77, why: 'not disturbed by a default route' },
    { taken: ['10.77.3.4/32', '10.78.128.0/17'], want: 79, why: 'past a network that lies inside' },
    { taken: ['10.76.0.0/15'], want: 78, why: 'past a network that reaches in' },
  ])('picks a subnet: $why', ({ taken, want }) => {
    expect(pickSubnet(taken)).toBe(want);
  });

  it('gives every part an address of its own', () => {
    const lab = addresses(78);
    expect(lab.device('d3')).toBe('10.78.0.3');
    expect(lab.control).toBe('10.78.255.254');
    expect(lab.client).toBe('10.78.255.1');
    expect(lab.computes).toBe('10.78.1.0-10.78.250.255');
  });

  it('makes MAC addresses that differ between devices and labs', () => {
    expect(macOf(77, '10.77.0.1')).toBe('06:4d:0a:4d:00:01');
    expect(macOf(78, '10.78.0.1')).not.toBe(macOf(77, '10.77.0.1'));
  });

  it('keeps the name of the card in the root namespace within 15 characters', () => {
    expect(names('a-very-long-lab-name', 176).controlInterface.length).toBeLessThanOrEqual(15);
  });

  it('tells the namespaces of two labs apart when one name begins with the other', () => {
    expect(isNamespaceOf('one', 'drayage-one-d1')).toBe(true);
    expect(isNamespaceOf('one', 'drayage-one-two-d1')).toBe(false);
    expect(isNamespaceOf('one-two', 'drayage-one-two-switch')).toBe(true);
  });

  it('gives each device and each boot other clocks', () => {
    const all = [clockOffsets('d1', 1), clockOffsets('d1', 2), clockOffsets('d2', 1)];
    expect(new Set(all.map((clock) => clock.monotonic)).size).toBe(3);
    expect(new Set(all.map((clock) => clock.boottime)).size).toBe(3);
  });

  it.each(['d0', 'd251', 'd01', 'x1', ''])('refuses the device name %j', (name) => {
    expect(deviceNameSchema.safeParse(name).success).toBe(false);
  });

  it.each(['', '-a', 'A', 'a/b', 'a'.repeat(21)])('refuses the lab name %j', (name) => {
    expect(labNameSchema.safeParse(name).success).toBe(false);
  });
});
