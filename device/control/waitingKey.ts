import { createHash, createPublicKey, webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { z } from 'zod';
import { keyFingerprint } from '../../core/keyFingerprint.ts';
import { newCertificateRequest } from './identityStore.ts';

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
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** The key with which this device asks, made at the first time: a restart is the same device. */
export async function openWaitingKey(stateDir: string, name: string): Promise<WaitingKey> {
  const known = await readWaitingKey(stateDir);
  if (known) return known;
  const made = { ...(await newCertificateRequest(name)), authority: null };
  await writeWaitingKey(stateDir, made);
  return made;
}

/** Null when this device does not wait. @throws when the file is damaged */
export async function readWaitingKey(stateDir: string): Promise<WaitingKey | null> {
  const text = await readFile(file(stateDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : waitingSchema.parse(JSON.parse(text));
}

/** Keeps it; a crash leaves the old or the new one. */
export async function writeWaitingKey(stateDir: string, waiting: WaitingKey): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const temporary = `${file(stateDir)}.new`;
  await writeFile(temporary, JSON.stringify(waiting), { mode: 0o600, flush: true });
  await rename(temporary, file(stateDir));
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
    signingAlgorithm: ALGORITHM,
    publicKey: request.publicKey,
    signingKey: (await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])) as never,
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
