import type { DebianImage } from './buildDebianImage.ts';

/** A program of Debian's packages that serves clients over TCP. */
export interface Service {
  image: DebianImage;
  command: string[];
  port: number;
}

/** Keeps nothing on the disk, and can be filled by `DEBUG POPULATE`. */
export const REDIS: Service = {
  image: { name: 'redis', packages: ['redis-server', 'redis-tools'], files: {} },
  command: [
    ...['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--appendonly', 'no'],
    ...['--enable-debug-command', 'yes'],
  ],
  port: 6379,
};

/** What makes it more than 500 MB: so many keys `key:N`, their values `value:N` and zeros up to so many bytes. */
export const REDIS_KEYS = 500_000;
export const REDIS_VALUE_BYTES = 900;

/** redis-benchmark without end, in a database of its own, over connections that are kept: it ends when it loses one. */
export function redisLoad(host: string): string[] {
  return [
    ...['redis-benchmark', '-h', host, '--dbnum', '1', '-c', '8', '-r', '10000'],
    ...['-t', 'set,get,incr,lpush,lpop', '-n', '1000000', '-l'],
  ];
}

const CONFIG = `daemon off;
user root;
worker_processes 4;
pid /run/nginx.pid;
error_log /dev/stderr;
events {}
http {
  access_log off;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  server {
    listen 80 reuseport;
    root /usr/share/nginx/html;
  }
}
`;

/** No package brings the accounts: those would be made when packages are configured. */
const ACCOUNTS = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/group': 'root:x:0:\n',
};

/** Four workers, each with a listening socket of its own; connections are kept. */
export const NGINX: Service = {
  image: { name: 'nginx', packages: ['nginx'], files: { ...ACCOUNTS, 'etc/nginx/moved.conf': CONFIG } },
  command: ['nginx', '-c', '/etc/nginx/moved.conf'],
  port: 80,
};
