import { DrayageError } from '../../core/cause.ts';

/** What docker-modem throws. */
interface ModemError extends Error {
  statusCode?: number;
  code?: string;
  json?: { message?: string };
}

/** Whether the engine answered with this HTTP status. */
export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  return statuses.includes((error as ModemError | null)?.statusCode ?? 0);
}

/** Connection errors of a socket that nobody serves. */
const AWAY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EACCES']);

/** An error of the engine as one with cause and mend; others are passed on as they are. */
export function engineError(error: unknown, doing: string): Error {
  if (error instanceof DrayageError) return error;
  const { statusCode, code, json, message } = error as ModemError;
  const said = (json?.message ?? message ?? String(error)).trim();
  if (statusCode === undefined) {
    if (!code || !AWAY.has(code)) return error instanceof Error ? error : new Error(said);
    return failure(error, true, {
      code: 'engineAway',
      message: `The container engine does not answer (${code}) while ${doing}.`,
      mend: 'Check that dockerd runs on the device: systemctl status docker.',
    });
  }
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return failure(error, false, {
      code: 'diskFull',
      message: `The device's disk is full: ${said}.`,
      mend: 'Free space on the device (docker image prune) or choose another one.',
    });
  }
  return answeredError(error, statusCode, said, doing);
}

function answeredError(error: unknown, statusCode: number, said: string, doing: string): DrayageError {
  if (statusCode === 404 && /no such image/i.test(said)) {
    return failure(error, false, {
      code: 'imageMissing',
      message: `The device does not have the image: ${said}.`,
      mend: 'Import the image, or start the compute again so that it is sent.',
    });
  }
  if (statusCode === 404) {
    return failure(error, false, {
      code: 'containerMissing',
      message: `The container is not on this device: ${said}.`,
      mend: 'Create the compute again, or look for it on another device.',
    });
  }
  if (statusCode === 409 && /already in use/i.test(said)) {
    return failure(error, false, {
      code: 'nameConflict',
      message: `Another container has the name: ${said}.`,
      mend: 'Remove that container on the device; names that begin with drayage- belong to Drayage.',
    });
  }
  const code = statusCode >= 500 ? 'engineFailed' : 'engineRefused';
  return failure(error, statusCode >= 500, {
    code,
    message: `The container engine failed while ${doing}: ${said}.`,
    mend: "See the engine's log on the device: journalctl -u docker.",
  });
}

function failure(
  error: unknown,
  retryable: boolean,
  cause: { code: string; message: string; mend: string },
): DrayageError {
  return new DrayageError(cause, { retryable, cause: error });
}
