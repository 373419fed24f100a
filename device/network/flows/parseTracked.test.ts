import { expect, test } from 'vitest';
import { parseTracked } from './parseTracked.ts';

const line = (head: string, source: string) =>
  `${head} src=${source} dst=198.18.77.1 sport=40000 dport=9100 src=198.18.77.1 dst=10.77.0.1 sport=9100 dport=40000`;
const flow = { protocol: 'tcp', sport: 40_000, daddr: '198.18.77.1', dport: 9100 };

test.each([
  ['one that is open', line('ipv4     2 tcp      6 431999 ESTABLISHED', '10.77.1.0'), [flow]],
  ['one that is half closed', line('ipv4     2 tcp      6 60 CLOSE_WAIT', '10.77.1.0'), [flow]],
  ['one that has ended', line('ipv4     2 tcp      6 119 TIME_WAIT', '10.77.1.0'), []],
  ['one that nobody answered yet', line('ipv4     2 tcp      6 119 SYN_SENT', '10.77.1.0'), []],
  ["another compute's", line('ipv4     2 tcp      6 431999 ESTABLISHED', '10.77.1.1'), []],
  ['an address that begins like it', line('ipv4     2 tcp      6 431999 ESTABLISHED', '10.77.1.01'), []],
  [
    'datagrams that were answered',
    line('ipv4     2 udp      17 119', '10.77.1.0'),
    [{ ...flow, protocol: 'udp' }],
  ],
  [
    'datagrams into the void',
    `${line('ipv4     2 udp      17 29', '10.77.1.0').replace(' src=198', ' [UNREPLIED] src=198')}`,
    [],
  ],
  ['another protocol', 'ipv4     2 icmp     1 29 src=10.77.1.0 dst=198.18.77.1 type=8 code=0 id=1', []],
  ['nothing', '', []],
])('%s', (_, text, wanted) => {
  expect(parseTracked(text, '10.77.1.0')).toEqual(wanted);
});
