import 'reflect-metadata';
import { createHash, hkdfSync, webcrypto } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import { BACKDATED_MS } from '../../core/decideRenewal.ts';

const { subtle } = webcrypto;
type CryptoKey = webcrypto.CryptoKey;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CA_MS = 3650 * 86_400_000;

/** Names of the control plane in its own certificate. */
export const CONTROL_NAME = 'control';

const fileSchema = z.object({ key: z.string(), certificate: z.string() });

export interface Identity {
  /** PEM. */
  key: string;
  certificate: string;
}

export interface IssuedCertificate {
  /** PEM. */
  certificate: string;
  /** SHA-256 (hex) of the public key's SPKI. */
  publicKeyHash: string;
}

/** The control plane's own certificate authority: devices trust it and nothing else. */
export interface Authority {
  /** PEM. */
  certificate: string;
  /** base64url SHA-256 of the certificate's DER; part of every join token. */
  fingerprint: string;
  /**
   * Signs a device's request, for so many seconds from now; the certificate names `deviceId`, whatever the request says. With
   * `after` it is newer than one that was issued then, whatever the clock says. @throws DrayageError badCsr
   */
  signRequest(
    csrPem: string,
    deviceId: string,
    lifeSeconds: number,
    after?: Date,
  ): Promise<IssuedCertificate>;
  /** SHA-256 (hex) of the SPKI of the request's key. @throws DrayageError badCsr */
  publicKeyHash(csrPem: string): Promise<string>;
  /** 32 bytes for one purpose, the same in every process that has this authority (HKDF-SHA-256 of its key). */
  secretFor(purpose: string): Buffer;
  /**
   * A new key and certificate of the control plane itself, for the names and addresses under which it is reached. Each start
   * of a process makes one, and its key is nowhere else: it is valid for as long as the authority.
   */
  controlIdentity(hosts: string[]): Promise<Identity>;
}

/** Opens the authority in `directory` (0700), making it at first start; of two processes that make one, one wins. */
export async function openAuthority(directory: string): Promise<Authority> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = join(directory, 'ca.json');
  const stored = (await readStored(path)) ?? (await createStored(directory, path));
  const key = await importKey(stored.key);
  return authority(key, stored);
}

async function readStored(path: string): Promise<z.infer<typeof fileSchema> | null> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function createStored(directory: string, path: string): Promise<z.infer<typeof fileSchema>> {
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Drayage control plane CA',
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + CA_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const stored = { key: await exportKey(keys.privateKey), certificate: certificate.toString('pem') };
  const temporary = join(directory, `ca.${serialNumber()}.tmp`);
  await writeFile(temporary, JSON.stringify(stored), { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(temporary, path);
    return stored;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } finally {
    await rm(temporary, { force: true });
  }
}

function authority(key: CryptoKey, stored: z.infer<typeof fileSchema>): Authority {
  const { certificate } = stored;
  const ca = new x509.X509Certificate(certificate);
  const issue = async (
    name: string,
    publicKey: CryptoKey,
    { hosts = [], at = new Date(), notAfter }: { hosts?: string[]; at?: Date; notAfter: Date },
  ): Promise<string> => {
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: [{ CN: [name] }],
      issuer: ca.subject,
      notBefore: new Date(at.getTime() - BACKDATED_MS),
      notAfter: notAfter < ca.notAfter ? notAfter : ca.notAfter,
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.clientAuth,
          x509.ExtendedKeyUsage.serverAuth,
        ]),
        ...(hosts.length > 0 ? [alternativeNames(hosts)] : []),
        await x509.AuthorityKeyIdentifierExtension.create(ca),
      ],
    });
    return issued.toString('pem');
  };
  return {
    certificate,
    fingerprint: createHash('sha256').update(new Uint8Array(ca.rawData)).digest('base64url'),
    async signRequest(csrPem, deviceId, lifeSeconds, after = new Date(0)) {
      const { publicKey, hash } = await readRequest(csrPem);
      // Certificates tell whole seconds.
      const at = new Date(Math.max(Date.now(), after.getTime() + 1000));
      const notAfter = new Date(at.getTime() + lifeSeconds * 1000);
      return { certificate: await issue(deviceId, publicKey, { at, notAfter }), publicKeyHash: hash };
    },
    secretFor: (purpose) => Buffer.from(hkdfSync('sha256', stored.key, '', `drayage ${purpose}`, 32)),
    publicKeyHash: async (csrPem) => (await readRequest(csrPem)).hash,
    async controlIdentity(hosts) {
      const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      return {
        key: await exportKey(keys.privateKey),
        certificate: await issue(CONTROL_NAME, keys.publicKey, { hosts, notAfter: ca.notAfter }),
      };
    },
  };
}

function alternativeNames(hosts: string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    [...new Set(hosts)].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
  );
}

async function readRequest(csrPem: string): Promise<{ publicKey: CryptoKey; hash: string }> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    if (!(await request.verify())) throw new Error('its signature is wrong');
    const publicKey = await subtle.importKey('spki', request.publicKey.rawData, ALGORITHM, true, ['verify']);
    const hash = createHash('sha256').update(new Uint8Array(request.publicKey.rawData)).digest('hex');
    return { publicKey, hash };
  } catch (error) {
    throw new DrayageError(
      {
        code: 'badCsr',
        message: 'The certificate request is damaged, or its key is not ECDSA P-256.',
        mend: 'Send a PEM of PKCS #10 signed with a P-256 key.',
      },
      { cause: error },
    );
  }
}

/** 127 random bits, hex: positive, as X.509 wants it. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function importKey(pem: string): Promise<CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (!der) throw new Error('the certificate authority has no key');
  return subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
