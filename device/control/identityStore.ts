import { join } from 'node:path';
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { z } from 'zod';
import type { Identity } from '../link/identity.ts';
import { readStored, writeStored } from './storedFile.ts';

x509.cryptoProvider.set(webcrypto as never);

/** What a joined device keeps, mode 0600. */
const storedSchema = z.object({
  deviceId: z.string(),
  key: z.string(),
  certificate: z.string(),
  ca: z.string(),
  temporal: z.object({ address: z.string(), namespace: z.string() }),
  /** A key for which a certificate is asked for, and the request. */
  next: z.object({ key: z.string(), csr: z.string() }).optional(),
  /** Where the control plane was when this device found it by itself; DRAYAGE_CONTROL_URL goes before it. */
  controlUrl: z.string().optional(),
});
export type StoredIdentity = z.infer<typeof storedSchema>;

/** Of every key of ours. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Reads the identity of a device that has joined; null before. @throws when the file is damaged */
export function readIdentity(stateDir: string): Promise<StoredIdentity | null> {
  return readStored(file(stateDir), storedSchema);
}

/** Keeps the identity; a crash leaves the old or the new one. */
export function writeIdentity(stateDir: string, identity: StoredIdentity): Promise<void> {
  return writeStored(file(stateDir), identity);
}

/** A new key pair and the request to certify it, PEM. The key never leaves the device. */
export async function newCertificateRequest(name: string): Promise<{ key: string; csr: string }> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys: keys as never,
    signingAlgorithm: KEY_ALGORITHM,
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), csr: request.toString('pem') };
}

/** The part that the link needs. */
export function linkIdentity({ deviceId, key, certificate, ca }: StoredIdentity): Identity {
  return { deviceId, key, certificate, ca };
}

function file(stateDir: string): string {
  return join(stateDir, 'identity.json');
}
