import { type Command, Argument } from 'commander';
import type { Answer } from '../../client/createClient.ts';
import { type Runtime, runtimeSchema } from '../../core/appManifest.ts';
import { openClient } from '../client.ts';
import { ago, type JsonFlag, print, subcommand } from '../output.ts';
import { table } from '../table.ts';

const runtimeArgument = () => new Argument('<runtime>', 'node or python').choices(runtimeSchema.options);

/** `drayage runtime ...` */
export function defineRuntime(runtime: Command): void {
  subcommand(runtime, 'ls', 'list the runtimes that applications can be built for').action(
    async (flags: JsonFlag) => {
      const client = await openClient();
      const page = await client.get('/runtimes');
      print(flags, page, ({ items }) => table(['RUNTIME', 'DIGEST', 'ARCHITECTURE', 'SET'], items.map(row)));
    },
  );

  subcommand(runtime, 'set', 'set the image that applications of a runtime are built on')
    .addArgument(runtimeArgument())
    .argument('<image>', "name or id of an image that has the runtime's programs")
    .action(async (name: Runtime, image: string, flags: JsonFlag) => {
      const client = await openClient();
      const set = await client.put('/runtimes/{runtime}', {
        params: { path: { runtime: name } },
        body: { image },
      });
      print(flags, set, ({ digest }) => `${name} applications are built on ${digest}`);
    });

  subcommand(runtime, 'rm', 'build no more applications of a runtime')
    .addArgument(runtimeArgument())
    .action(async (name: Runtime, flags: JsonFlag) => {
      const client = await openClient();
      await client.delete('/runtimes/{runtime}', { params: { path: { runtime: name } } });
      print(flags, { removed: name }, () => `${name} has no base any more`);
    });
}

function row({ runtime, digest, architecture, setAt }: Answer<'/runtimes/{runtime}', 'put'>): string[] {
  return [runtime, digest.slice(0, 'sha256:'.length + 12), architecture, ago(setAt)];
}
