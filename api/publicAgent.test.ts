import { get } from 'node:http';
import { isIPv6, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isNotPublic, publicAgent } from './publicAgent.ts';

const BEGUN = 'a connection was begun';

/** Whether a connection to it is begun; it comes no further. */
function isReached(host: string, advertiseHost?: string): Promise<boolean> {
  const url = new URL(`http://${isIPv6(host) ? `[${host}]` : host}:9/`);
  return new Promise((resolve, reject) => {
    get(url, { agent: publicAgent(url, advertiseHost) }).once('error', (error) => {
      if (isNotPublic(error)) resolve(false);
      else if (error.message === BEGUN) resolve(true);
      else reject(error);
    });
  });
}

/** No packet goes anywhere. */
function connectNowhere(): void {
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket) {
    return this.destroy(new Error(BEGUN));
  });
}
afterEach(() => vi.restoreAllMocks());

describe('a request to a URL that a tenant has named', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.9.9.9',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00::1',
    'fe80::1',
    'ff02::1',
  ])('does not reach %s', async (host) => {
    connectNowhere();
    expect(await isReached(host)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])(
    'may reach %s',
    async (host) => {
      connectNowhere();
      expect(await isReached(host)).toBe(true);
    },
  );

  it('does not reach what a name leads to', async () => {
    expect(await isReached('localhost')).toBe(false);
  });

  it('does not reach this machine, nor where the control plane is reached', async () => {
    connectNowhere();
    for (const { address } of Object.values(networkInterfaces()).flatMap((cards) => cards ?? []))
      expect(await isReached(address), address).toBe(false);
    expect(await isReached('8.8.8.8', '8.8.8.8')).toBe(false);
  });
});
