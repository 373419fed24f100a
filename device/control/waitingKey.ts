import { createHash, createPublicKey, webcrypto } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { z } from 'zod';
import { keyFingerprint } from '../../core/keyFingerprint.ts';
import { KEY_ALGORITHM, newCertificateRequest } from './identityStore.ts';
import { readStored, writeStored } from './storedFile.ts';

/** What a device keeps that asks to join by itself, until it has an identity; mode 0600. */
const waitingSchema = z.object({
  /** PEM. */
  key: z.string(),
  csr: z.string(),
  /** Fingerprint (base64url) of the authority that was learned first; null before. */
  authority: z.string().nullable(),
});
export type WaitingKey = z.infer<typeof waitingSchema>;

const DAY_MS = 86_400_000;

/** The key with which this device asks, made at the first time: a restart is the same device. */
export async function openWaitingKey(stateDir: string, name: string): Promise<WaitingKey> {
  const known = await readWaitingKey(stateDir);
  if (known) return known;
  const made = { ...(await newCertificateRequest(name)), authority: null };
  await writeWaitingKey(stateDir, made);
  return made;
}

/** Null when this device does not wait. @throws when the file is damaged */
export function readWaitingKey(stateDir: string): Promise<WaitingKey | null> {
  return readStored(file(stateDir), waitingSchema);
}

/** Keeps it; a crash leaves the old or the new one. */
export function writeWaitingKey(stateDir: string, waiting: WaitingKey): Promise<void> {
  return writeStored(file(stateDir), waiting);
}

/** Forgets the key and the authority that was learned: the next one to ask here is another device. */
export async function forgetWaitingKey(stateDir: string): Promise<void> {
  await rm(file(stateDir), { force: true });
}

/** A certificate (PEM) that the device made itself: with it TLS proves to the other end that it has the key. */
export async function selfSigned({ key, csr }: WaitingKey): Promise<string> {
  const [pkcs8] = x509.PemConverter.decode(key);
  if (!pkcs8) throw new Error('the waiting key is damaged');
  const request = new x509.Pkcs10CertificateRequest(csr);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: request.subject,
    issuer: request.subject,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 3650 * DAY_MS),
    signingAlgorithm: KEY_ALGORITHM,
    publicKey: request.publicKey,
    signingKey: (await webcrypto.subtle.importKey('pkcs8', pkcs8, KEY_ALGORITHM, false, ['sign'])) as never,
  });
  return certificate.toString('pem');
}

/** A private key's public half (PEM of the private one), as the control plane shows it: `SHA256:…`. */
export function fingerprintOfKey(keyPem: string): string {
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return keyFingerprint(createHash('sha256').update(spki).digest('hex'));
}

function file(stateDir: string): string {
  return join(stateDir, 'joining.json');
}
