import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { Command } from 'commander';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';

/** `drayage volume ...` */
export function defineVolume(volume: Command): void {
  subcommand(volume, 'ls', 'list volumes')
    .option('--compute <compute>', "only this one's")
    .action(async ({ compute, ...flags }: JsonFlag & { compute?: string }) => {
      const client = await openClient();
      const { query } = ALL.params;
      const answer = await client.get('/volumes', { params: { query: { ...query, compute } } });
      print(flags, answer, ({ items }) =>
        table(
          ['NAME', 'ID', 'COMPUTE', 'PATH', 'CREATED'],
          items.map((one) => [one.name, one.id, one.compute.name, one.path, ago(one.createdAt)]),
        ),
      );
    });

  subcommand(volume, 'files <volume> [path]', 'list a directory of a volume').action(
    async (id: string, path: string | undefined, flags: JsonFlag) => {
      const client = await openClient();
      const params = { path: { id }, query: { path: path ?? '/' } };
      print(flags, await client.get('/volumes/{id}/files', { params }), ({ entries, truncated }) => {
        const rows = entries.map(({ name, kind, bytes, modifiedAt }) => [
          kind === 'directory' ? `${name}/` : name,
          kind === 'file' ? formatBytes(bytes) : kind,
          ago(modifiedAt),
        ]);
        const shown = table(['NAME', 'SIZE', 'CHANGED'], rows);
        return truncated ? `${shown}\nthere is more; these are the first` : shown;
      });
    },
  );

  subcommand(volume, 'get <volume> <path>', 'write a file of a volume to standard output').action(
    async (id: string, path: string) => {
      const client = await openClient();
      const { body } = await client.open('/volumes/{id}/content', {
        params: { path: { id }, query: { path } },
      });
      await pipeline(Readable.fromWeb(body as NodeWebStream), process.stdout, { end: false });
    },
  );
}
