/** All of the extended attributes, trusted.* too (overlay keeps its own there). */
const ATTRIBUTES = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner'];

/**
 * Overlay's own notes that name a place on the source's file system by its handle: on another machine they mean
 * nothing, or, on a clone of the same disk, the wrong file.
 */
const LOCAL_ATTRIBUTES = ['--xattrs-exclude=trusted.overlay.origin', '--xattrs-exclude=trusted.overlay.uuid'];

/** Writes the files named on stdin (each ended by NUL) to stdout. */
export function createArguments(directory: string): string[] {
  return [
    '--create',
    '--file=-',
    '--format=posix',
    '--sparse',
    ...ATTRIBUTES,
    ...LOCAL_ATTRIBUTES,
    '--warning=no-file-ignored',
    `--directory=${directory}`,
    '--no-recursion',
    '--null',
    '--verbatim-files-from',
    '--files-from=-',
  ];
}

/** Reads stdin into the current directory; a file that is there is replaced, never written through. */
export const EXTRACT_ARGUMENTS: readonly string[] = [
  '--extract',
  '--file=-',
  ...ATTRIBUTES,
  '--same-owner',
  '--same-permissions',
  '--delay-directory-restore',
];

/** What tar and find say of files that changed, grew or went away while they read them. */
export const CHANGED_WHILE_READ =
  /: (Cannot [a-z ]+: No such file or directory|No such file or directory|File removed before we read it|file changed as we read it|File shrank by \d+ bytes?; padding with zeros|Exiting with failure status due to previous errors)$/;
