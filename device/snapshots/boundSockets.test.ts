import { expect, test } from 'vitest';
import { parseSockets } from './boundSockets.ts';

const TEXT = `udp   UNCONN 0      0         127.0.0.1:53        0.0.0.0:*
udp   ESTAB  0      0      10.77.128.2:40000   10.77.0.9:53
tcp   LISTEN 0      64     10.77.128.2:8080      0.0.0.0:*
tcp   LISTEN 0      64         0.0.0.0:7000      0.0.0.0:*
tcp   ESTAB  0      0      10.77.128.2:7000   10.77.0.9:5000
tcp   LISTEN 0      64    10.77.128.20:8081      0.0.0.0:*
`;

test('finds what a restore would have to bind to the address, and nothing else', () => {
  expect(parseSockets(TEXT, '10.77.128.2')).toEqual(['udp 10.77.128.2:40000', 'tcp 10.77.128.2:8080']);
  expect(parseSockets('', '10.77.128.2')).toEqual([]);
});
