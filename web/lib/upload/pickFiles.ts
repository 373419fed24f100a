/** A file that was chosen or dropped; its path as the browser tells it. */
export interface PickedFile {
  path: string;
  file: File;
}

/** The files of an input, of a folder with their paths. */
export function filesOf(list: FileList | null): PickedFile[] {
  return [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** All that was dropped, folders gone through. To be called in the handler of the drop itself. */
export async function droppedFiles({ items, files }: DataTransfer): Promise<PickedFile[]> {
  // They can be asked for in the handler only.
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return filesOf(files);
  const found: PickedFile[] = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

async function collect(entry: FileSystemEntry, found: PickedFile[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ path: entry.fullPath.slice(1), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const one of some) await collect(one, found);
  }
}

/** The one folder that all of them are in, and their paths below it; null when there is none. */
export function commonFolder(files: readonly PickedFile[]): { name: string; files: PickedFile[] } | null {
  const [first] = files;
  const name = first?.path.split('/')[0] ?? '';
  if (name === '' || !files.every(({ path }) => path.startsWith(`${name}/`))) return null;
  return { name, files: files.map(({ path, file }) => ({ path: path.slice(name.length + 1), file })) };
}
