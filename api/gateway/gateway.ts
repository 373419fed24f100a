import * as grpc from '@grpc/grpc-js';
import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../db/database.ts';
import { audit } from '../audit.ts';
import type { Identity } from '../pki/authority.ts';
import { Refusals } from '../refusals.ts';
import { KnownDevices } from './devices.ts';
import { allMethods, type Allowed, checkRequest, sealResponse } from './methods.ts';
import { SealedTokens } from './sealedTokens.ts';
import type { Upstream } from './upstream.ts';

/** As Temporal's server has it for what it takes, and some more for what it gives. */
const MESSAGE_BYTES = 8 * 2 ** 20;
/** Of what one device is refused at most so much is written down, milliseconds between two. */
const AUDIT_EVERY_MS = 1_000;

export interface GatewayOptions {
  listen: { host: string; port: number };
  temporal: Upstream;
  /** PEM: the control plane's own, and the authority's that issues the devices' certificates. */
  identity: Identity;
  ca: string;
  /** 32 bytes, the same in all gateways of an installation. */
  sealKey: Buffer;
  db: Database;
  log: FastifyBaseLogger;
}

type Call = grpc.ServerUnaryCall<Buffer, Buffer>;
type Answer = grpc.sendUnaryData<Buffer>;

/**
 * All that devices reach of Temporal: they prove who they are by their certificates, and get what methods.ts lets through.
 * A device that was stolen can do no more than its own tasks.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #devices: KnownDevices;
  readonly #tokens: SealedTokens;
  readonly #server = new grpc.Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES });
  readonly #upstream: grpc.Client;
  readonly #refusals = new Refusals(AUDIT_EVERY_MS);

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#devices = new KnownDevices(options.db);
    this.#tokens = new SealedTokens(options.sealKey);
    const { address, credentials, options: channel } = options.temporal;
    this.#upstream = new grpc.Client(address, credentials, {
      ...channel,
      'grpc.max_receive_message_length': MESSAGE_BYTES,
    });
    for (const { service, method } of allMethods()) {
      const path = `/${service}/${method}`;
      const serve = (call: Call, answer: Answer) => void this.#serve(path, method, call, answer);
      this.#server.addService({ [method]: definitionOf(path) }, { [method]: serve });
    }
  }

  /** Resolves with the port. @throws when the address is taken */
  listen(): Promise<number> {
    const { listen, identity, ca } = this.#options;
    const pair = { private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.certificate) };
    const credentials = grpc.ServerCredentials.createSsl(Buffer.from(ca), [pair], true);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${listen.host}:${String(listen.port)}`, credentials, (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
  }

  /** Ends what is under way: devices connect anew, elsewhere or when it is back. */
  close(): void {
    this.#server.forceShutdown();
    this.#upstream.close();
  }

  async #serve(path: string, method: string, call: Call, answer: Answer): Promise<void> {
    const { namespace } = this.#options.temporal;
    try {
      const certificate = call.getAuthContext()?.sslPeerCertificate?.raw;
      const known = await this.#devices.of(certificate);
      if (known.action === 'refuse') {
        await this.#audit(known.named, method, call.getPeer(), { status: 401, cause: 'noCertificate' });
        answer(status(grpc.status.UNAUTHENTICATED, 'This certificate is of no device that is known here.'));
        return;
      }
      const { deviceId } = known;
      const allowed: Allowed = { namespace, deviceId, tokens: this.#tokens };
      const checked = checkRequest(method, call.request, allowed);
      if (checked.action === 'refuse') {
        await this.#audit(deviceId, method, call.getPeer(), { status: 403, cause: 'notForDevices' });
        answer(status(grpc.status.PERMISSION_DENIED, `Refused to this device: ${checked.reason}.`));
      } else if (checked.action === 'answer') answer(null, checked.message);
      else
        this.#pass(path, checked.message, call, (error, message) => {
          if (error || !message) answer(error);
          else answer(null, sealResponse(method, message, allowed));
        });
    } catch (error) {
      this.#options.log.warn({ err: error, method }, "a device's call failed");
      answer(status(grpc.status.UNAVAILABLE, 'The control plane cannot tell now; try again.'));
    }
  }

  #pass(path: string, message: Buffer, call: Call, answer: Answer): void {
    const asked = this.#upstream.makeUnaryRequest(
      path,
      asIs,
      asIs,
      message,
      metadataOf(call.metadata, this.#options.temporal.metadata),
      { deadline: call.getDeadline() },
      (error, response) => {
        if (error) answer({ code: error.code, details: error.details, metadata: error.metadata });
        else answer(null, response);
      },
    );
    call.on('cancelled', () => {
      asked.cancel();
    });
  }

  async #audit(
    subject: string | null,
    method: string,
    address: string,
    { status, cause }: { status: number; cause: string },
  ): Promise<void> {
    if (!this.#refusals.isNew(`${String(subject)} ${cause}`)) return;
    const { db, log } = this.#options;
    log.warn({ device: subject, method, cause }, 'a device asked for what it may not have');
    await audit(db, log, { action: `temporal ${method}`, subject, address, status, causes: [cause] });
  }
}

const asIs = (message: Buffer): Buffer => message;

function definitionOf(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** What Temporal's server wants to know of its client, and nothing that it would take for a proof of who asks. */
function metadataOf(from: grpc.Metadata, own: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(own)) metadata.set(name, value);
  for (const name of ['client-name', 'client-version', 'supported-server-versions', 'caller-type'])
    for (const value of from.get(name)) metadata.add(name, value);
  return metadata;
}

function status(code: grpc.status, details: string): { code: grpc.status; details: string } {
  return { code, details };
}
