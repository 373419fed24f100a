import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { PROGRAM, sha256, tarOf } from './tar.ts';

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A registry with one repository, `shop/web`, that may be told to do everything wrong. */
export interface RegistryServer {
  host: string;
  manifestDigest: string;
  configDigest: string;
  /** Paths that were asked for, with who asked. */
  asked: string[];
  /** Changes an answer: of this path, to this. */
  answers: Map<string, (response: http.ServerResponse) => void>;
  close(): Promise<void>;
}

/** Starts one. With a login it wants a token, which it gives to who has the password. */
export async function startRegistry(login?: { username: string; password: string }): Promise<RegistryServer> {
  const layer = await tarOf([PROGRAM]);
  const packed = gzipSync(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/app'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    }),
  );
  const descriptor = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', packed)],
    }),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ digest: digestOf(manifest), platform: { os: 'linux', architecture: 'amd64' } }],
    }),
  );
  const contents = new Map([
    ['/v2/shop/web/manifests/latest', index],
    [`/v2/shop/web/manifests/${digestOf(manifest)}`, manifest],
    [`/v2/shop/web/blobs/${digestOf(config)}`, config],
    [`/v2/shop/web/blobs/${digestOf(packed)}`, packed],
  ]);
  const asked: string[] = [];
  const answers: RegistryServer['answers'] = new Map();
  const basic = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    asked.push(`${pathname} ${request.headers.authorization ?? '-'}`);
    const changed = answers.get(pathname);
    if (changed) return changed(response);
    if (pathname === '/token') {
      if (request.headers.authorization !== basic) return void response.writeHead(401).end();
      return void response.end(JSON.stringify({ token: 'the-token' }));
    }
    if (basic !== undefined && request.headers.authorization !== 'Bearer the-token') {
      const realm = `http://${request.headers.host ?? ''}/token`;
      return void response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="test"` })
        .end();
    }
    const content = contents.get(pathname);
    if (content) response.end(content);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    manifestDigest: digestOf(manifest),
    configDigest: digestOf(config),
    asked,
    answers,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
