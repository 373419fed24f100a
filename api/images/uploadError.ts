import { DrayageError } from '../../core/cause.ts';
import { imageRefused } from '../../core/imageArchive.ts';

/** The cause behind the failure of streams that fail together: one of ours if there is one, else that of the first. */
export function uploadError(errors: [unknown, ...unknown[]]): unknown {
  for (const error of errors) if (error instanceof DrayageError) return error;
  const [first] = errors;
  const { code = '' } = first as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR')
    return imageRefused('truncated', 'The compressed archive is cut off.', 'Copy it again, whole.');
  if (code.startsWith('Z_'))
    return imageRefused('damagedImage', 'The compressed archive is damaged.', 'Copy it again.');
  if (code === 'ENOSPC') return outOfDisk();
  return first;
}

/** The error of a control plane whose disk is full. */
export function outOfDisk(): DrayageError {
  return imageRefused(
    'outOfDisk',
    'The control plane has no disk space left for this upload.',
    'Remove images with `drayage image rm`.',
  );
}
