import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { TemporalSettings } from '../../api/temporalSettings.ts';
import { CONTROL_TASK_QUEUE } from '../../core/device.ts';
import type { Part } from './part.ts';
import { hasPoller } from './temporal.ts';

/** Settings shared by the API and the control worker. */
export interface ProgramEnvironment {
  DATABASE_URL: string;
  TEMPORAL_ADDRESS: string;
  TEMPORAL_NAMESPACE: string;
  DRAYAGE_DATA_DIR: string;
  DRAYAGE_TEMPORAL_UI_URL?: string;
  /** The URL is said already. */
  DATABASE_URL_FILE: undefined;
}

/** The API's process; ready when /readyz says so. */
export function apiPart(environment: ProgramEnvironment, listen: { host: string; port: number }): Part {
  return {
    ...program('api.ts', environment),
    name: 'api',
    async isReady() {
      const answer = await fetch(`${apiAddress(listen)}/readyz`);
      await answer.body?.cancel();
      return answer.ok;
    },
  };
}

/** The control worker; ready when Temporal has it as a poller of its task queue. */
export function controlPart(environment: ProgramEnvironment, temporal: TemporalSettings): Part {
  return {
    ...program('control.ts', environment),
    name: 'control',
    isReady: () => hasPoller(temporal, CONTROL_TASK_QUEUE),
  };
}

/** Devices' way to Temporal; ready when it takes connections. */
export function gatewayPart(environment: ProgramEnvironment, listen: { host: string; port: number }): Part {
  return {
    ...program('gateway.ts', environment),
    name: 'gateway',
    async isReady() {
      const socket = connect({ port: listen.port, host: reachedAt(listen.host) });
      try {
        await once(socket, 'connect');
        return true;
      } finally {
        socket.destroy();
      }
    },
  };
}

/** The user API's address on this machine. */
export function apiAddress({ host, port }: { host: string; port: number }): string {
  return `http://${reachedAt(host)}:${port}`;
}

/** Where this machine reaches what listens there. */
function reachedAt(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host;
}

function program(file: string, environment: ProgramEnvironment) {
  return {
    prepare: () => Promise.resolve(),
    command: () => ({
      file: process.execPath,
      args: [fileURLToPath(new URL(`../${file}`, import.meta.url))],
      env: { ...process.env, ...environment },
    }),
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5_000,
    orphanSignal: 'SIGKILL',
  } as const;
}
