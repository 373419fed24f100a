import { posix } from 'node:path';
import { type Cause, DrayageError } from './cause.ts';
import { type ArchiveMember, memberName, unsafeMember } from './imageArchive.ts';

/** How an application's archive is made. */
export const MAKE_APP =
  'Make it with `tar -C FOLDER -czf app.tgz .`, or upload the folder with `drayage app upload`.';

/** An archive with node_modules has some ten thousand. */
const MEMBERS_MAX = 100_000;
/** All names together, bytes: what is kept of an archive while it streams by. */
const NAMES_MAX_BYTES = 16 * 2 ** 20;
/** Less than Linux's own: the files are put into a folder of the image, bytes. */
const PATH_MAX_BYTES = 4000;
const SETID = 0o6000;

/** A tar's header and what GNU tar and pax write before it, bytes; an ample guess. */
const HEADER_BYTES = 16 * 2 ** 10;
/** That much may come before the first member is seen, and after the last, bytes. */
const SLACK_BYTES = 8 * 2 ** 20;

/** One member of an application's archive, as its header gives it. */
export interface AppMember extends ArchiveMember {
  mode: number;
  /** Of a file, bytes. */
  size: number;
}

/** A member that may be unpacked. */
export interface AdmittedMember {
  /** Without `./` in front and `/` behind; `.` is the archive's own root. */
  name: string;
  type: 'file' | 'directory' | 'link' | 'symlink';
  /** Of a link, in the form of `name`; of a symbolic link as it was given. */
  linkname?: string;
  mode: number;
}

/** Checks an application's archive member by member while it streams by; what it keeps is bounded. */
export class AppArchiveCheck {
  readonly #maxBytes: number;
  readonly #seen = new Map<string, AdmittedMember['type']>();
  #members = 0;
  #nameBytes = 0;
  #bytes = 0;
  #expected = SLACK_BYTES;

  /** @param maxBytes the most that all files together may have */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of all files so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Told how much of the tar has come: more than its members account for is refused. @throws DrayageError archiveBomb */
  account(tarBytes: number): void {
    if (tarBytes <= this.#expected) return;
    throw refused('archiveBomb', 'The archive goes on and on with nothing in it.', MAKE_APP);
  }

  /**
   * @throws DrayageError unsafePath, badFileName, duplicateFile, setuidFile, appTooLarge
   */
  admit(member: AppMember): AdmittedMember {
    const unsafe = unsafeMember(member, 'application');
    if (unsafe) throw new DrayageError(unsafe);
    const name = memberName(member.name);
    const shown = () => JSON.stringify(member.name.slice(0, 200));
    const wrongName = nameTrouble(name);
    if (wrongName !== null)
      throw refused(
        'badFileName',
        `The archive holds ${shown()}: ${wrongName}.`,
        'Give the file another name.',
      );
    if (member.type !== 'directory' && (member.mode & SETID) !== 0)
      throw refused(
        'setuidFile',
        `${shown()} would run with the rights of its owner.`,
        'Take that off: chmod ug-s.',
      );
    this.#members += 1;
    this.#takeRoom(member);
    const admitted = admittedOf(name, member);
    this.#place(admitted, shown);
    return admitted;
  }

  #takeRoom({ type, size }: AppMember): void {
    const bytes = type === 'file' || type === 'contiguous-file' ? size : 0;
    this.#bytes += bytes;
    this.#expected += bytes + HEADER_BYTES;
    if (this.#bytes > this.#maxBytes)
      throw tooLarge(`The application's files are larger than ${String(this.#maxBytes)} bytes in all.`);
  }

  #remember(name: string, type: AdmittedMember['type']): void {
    this.#nameBytes += name.length;
    this.#seen.set(name, type);
    if (Math.max(this.#members, this.#seen.size) > MEMBERS_MAX || this.#nameBytes > NAMES_MAX_BYTES)
      throw tooLarge('The application has too many files.');
  }

  /** A name is one thing, below directories only: a file "behind" a symbolic link would be written elsewhere. */
  #place({ name, type, linkname }: AdmittedMember, shown: () => string): void {
    const before = this.#seen.get(name);
    if (before !== undefined && (before !== 'directory' || type !== 'directory'))
      throw refused('duplicateFile', `The archive holds ${shown()} twice.`, MAKE_APP);
    for (let at = posix.dirname(name); at !== '.'; at = posix.dirname(at)) {
      const above = this.#seen.get(at);
      if (above !== undefined && above !== 'directory')
        throw refused('unsafePath', `The archive holds ${shown()}, behind what is no directory.`, MAKE_APP);
      // Those above it are known by then.
      if (above === 'directory') break;
      this.#remember(at, 'directory');
    }
    if (type === 'link' && this.#seen.get(linkname ?? '') !== 'file')
      throw refused('unsafePath', `The archive holds ${shown()}, a hard link to no file of it.`, MAKE_APP);
    this.#remember(name, type);
  }
}

function admittedOf(name: string, { type, linkname, mode }: AppMember): AdmittedMember {
  const kind = type === 'contiguous-file' ? 'file' : (type as AdmittedMember['type']);
  // Directories are gone through and files read by a user who is not their owner.
  const rights = kind === 'directory' ? 0o755 : (mode & 0o777) | 0o444;
  if (kind === 'link') return { name, type: kind, mode: rights, linkname: memberName(linkname ?? '') };
  if (kind === 'symlink') return { name, type: kind, mode: 0o777, linkname: linkname ?? '' };
  return { name, type: kind, mode: rights };
}

/** What is wrong with a name; null when nothing is. */
function nameTrouble(name: string): string | null {
  // What is no UTF-8 was read as U+FFFD.
  if (/[\p{Cc}\uFFFD]/u.test(name)) return 'a name with control characters, or of no known encoding';
  if (bytes(name) > PATH_MAX_BYTES) return 'a name that is too long';
  return null;
}

const encoder = new TextEncoder();
const bytes = (text: string) => encoder.encode(text).length;

function refused(code: string, message: string, mend: string): DrayageError {
  const cause: Cause = { code, message, mend };
  return new DrayageError(cause);
}

function tooLarge(message: string): DrayageError {
  return refused(
    'appTooLarge',
    message,
    'Leave out what it does not need, or ask the operator to raise DRAYAGE_APP_MAX_BYTES.',
  );
}
