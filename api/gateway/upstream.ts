import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { TemporalSettings } from '../temporalSettings.ts';

/** How the gateway speaks to Temporal. */
export interface Upstream {
  address: string;
  namespace: string;
  credentials: ChannelCredentials;
  /** Of the channel. */
  options: Record<string, string>;
  /** Goes along with every call. */
  metadata: Record<string, string>;
}

/** The same settings as those of the API and the control worker, for a plain gRPC client. */
export function upstreamOf({ address, namespace, tls, apiKey }: TemporalSettings): Upstream {
  const { serverCa, serverName, client } = tls ?? {};
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return {
    ...{ address, namespace },
    credentials:
      tls === null
        ? credentials.createInsecure()
        : credentials.createSsl(pem(serverCa), pem(client?.key), pem(client?.certificate)),
    options: serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName },
    // As Temporal Cloud wants it with a key.
    metadata: apiKey === null ? {} : { authorization: `Bearer ${apiKey}`, 'temporal-namespace': namespace },
  };
}
