import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { request } from 'node:https';
import * as x509 from '@peculiar/x509';
import type { AnswerBody } from './answer.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Of certificates that tests issue. */
export const LIFE_SECONDS = 3600;

export interface KeyAndRequest {
  /** PEM. */
  key: string;
  csr: string;
}

/** A key and a certificate request, as a device makes them. */
export async function makeRequest(subject = 'CN=whatever'): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const key = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
    'PRIVATE KEY',
  );
  return { key, csr: csr.toString('pem') };
}

export interface TlsIdentity {
  key?: string;
  cert?: string;
  ca: string;
}

export interface TlsAnswer {
  status: number;
  text: string;
  /** Empty when the answer is not JSON. */
  body: AnswerBody;
}

/** One HTTPS request with exactly these certificates, on a connection of its own. */
export function ask(
  url: string,
  identity: TlsIdentity,
  method: string,
  path: string,
  body?: object,
): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const outgoing = request(
      new URL(path, url),
      { method, headers, agent: false, ...identity },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject).once('end', () => {
          const isJson = String(response.headers['content-type'] ?? '').includes('json');
          resolve({
            status: response.statusCode ?? 0,
            text,
            body: (isJson ? JSON.parse(text) : {}) as AnswerBody,
          });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(payload);
  });
}
