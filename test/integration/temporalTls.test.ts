import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@grpc/grpc-js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../api/config.ts';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { upstreamOf } from '../../api/gateway/upstream.ts';
import { connectionOptions } from '../../api/temporalSettings.ts';
import { connectWorkflows } from '../../api/workflows.ts';
import { readControlConfig } from '../../workers/controlConfig.ts';
import { startTemporal } from './support/temporalServer.ts';
import { startTlsFront, type TlsFront } from './support/tlsFront.ts';

const NAME = 'temporal.example';

/** A real Temporal server behind mutually authenticated TLS, its certificate for a name that is not its address. */
describe('a Temporal server that wants certificates', () => {
  let folder = '';
  let environment: TestWorkflowEnvironment;
  let servers: Authority;
  let clients: Authority;
  let front: TlsFront;
  let settings: NodeJS.ProcessEnv;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-temporal-tls-'));
    [environment, servers, clients] = await Promise.all([
      startTemporal(),
      openAuthority(join(folder, 'servers')),
      openAuthority(join(folder, 'clients')),
    ]);
    const server = await servers.controlIdentity([NAME]);
    front = await startTlsFront(
      { port: Number(environment.address.split(':').at(-1)) },
      { key: server.key, cert: server.certificate, clientCa: clients.certificate, alpn: ['h2'] },
    );
    const client = await clients.controlIdentity([]);
    const put = async (name: string, text: string) => {
      await writeFile(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    settings = {
      DATABASE_URL: 'postgres://unused',
      DRAYAGE_DATA_DIR: folder,
      TEMPORAL_ADDRESS: `127.0.0.1:${front.port}`,
      TEMPORAL_TLS_SERVER_NAME: NAME,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: await put('ca.pem', servers.certificate),
      TEMPORAL_TLS_CLIENT_CERT_PATH: await put('client.pem', client.certificate),
      TEMPORAL_TLS_CLIENT_KEY_PATH: await put('client.key', client.key),
    };
  });
  afterAll(async () => {
    await front.close();
    await environment.teardown();
    await rm(folder, { recursive: true, force: true });
  });

  /** Whether the API reaches Temporal with these settings. */
  async function reaches(environment_: NodeJS.ProcessEnv): Promise<boolean> {
    const workflows = connectWorkflows(readConfig(environment_).temporal);
    try {
      return await workflows.check().then(
        () => true,
        () => false,
      );
    } finally {
      await workflows.close();
    }
  }

  it('is reached by the API with its settings', async () => {
    expect(await reaches(settings)).toBe(true);
    expect(front.seen.at(-1)).toBe('control');
  });

  it('is reached neither without a certificate, nor in clear, nor by who takes its authority for another', async () => {
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _c, TEMPORAL_TLS_CLIENT_KEY_PATH: _k, ...anonymous } = settings;
    const { TEMPORAL_TLS_SERVER_NAME: _n, ...nameless } = settings;
    const { DATABASE_URL, DRAYAGE_DATA_DIR, TEMPORAL_ADDRESS } = settings;
    const wrong = join(folder, 'wrong.pem');
    await writeFile(wrong, clients.certificate);
    const attempts = await Promise.all([
      reaches(anonymous),
      reaches(nameless),
      reaches({ DATABASE_URL, DRAYAGE_DATA_DIR, TEMPORAL_ADDRESS }),
      reaches({ ...settings, TEMPORAL_TLS_SERVER_CA_CERT_PATH: wrong }),
    ]);
    expect(attempts).toEqual([false, false, false, false]);
  });

  it('is reached by the control worker', async () => {
    const connection = await NativeConnection.connect(
      connectionOptions(readControlConfig(settings).temporal),
    );
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    await connection.close();
    expect(front.seen.at(-1)).toBe('control');
  });

  it('is reached by the gateway, with the certificate of the settings', async () => {
    const call = ({ address, credentials, options }: ReturnType<typeof upstreamOf>) =>
      new Promise<Buffer>((resolve, reject) => {
        const client = new Client(address, credentials, options);
        const asIs = (message: Buffer) => message;
        const path = '/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo';
        client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error, answer) => {
          client.close();
          if (error) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        });
      });
    const { temporal } = readConfig(settings);
    expect((await call(upstreamOf(temporal))).length).toBeGreaterThan(0);
    expect(front.seen.at(-1)).toBe('control');
    await expect(call(upstreamOf({ ...temporal, tls: null }))).rejects.toThrow();
    await expect(
      call(upstreamOf({ ...temporal, tls: { ...temporal.tls, serverCa: clients.certificate } })),
    ).rejects.toThrow();
  });
});
