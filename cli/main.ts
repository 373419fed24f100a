import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { registerApp } from './commands/app.ts';
import { registerCompute } from './commands/compute.ts';
import { registerDevice } from './commands/device.ts';
import { registerEvents } from './commands/events.ts';
import { registerImage } from './commands/image.ts';
import { registerLogin } from './commands/login.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerMigration } from './commands/migration.ts';
import { registerRuntime } from './commands/runtime.ts';
import { registerTenant } from './commands/tenant.ts';
import { registerRegistry } from './commands/registry.ts';
import { registerToken } from './commands/token.ts';
import { registerWebhook } from './commands/webhook.ts';
import { exitCodeOf, problemOfError } from './exit.ts';

const packageSchema = z.object({ version: z.string() });

async function buildProgram(words: string[]): Promise<Command> {
  const { version } = packageSchema.parse(
    JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')),
  );
  const program = new Command('drayage')
    .description('Live migration for containers on edge devices.')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(see `drayage help`)')
    // Before any command is added: they inherit it.
    .exitOverride();
  registerLogin(program);
  registerDevice(program);
  registerImage(program);
  registerApp(program);
  registerRuntime(program);
  registerCompute(program);
  registerMigrate(program);
  registerMigration(program);
  registerRegistry(program);
  registerToken(program);
  registerTenant(program);
  registerEvents(program);
  registerWebhook(program);
  // The lab brings a lot with it that no other command needs.
  const first = words.find((word) => !word.startsWith('-'));
  const known = program.commands.some((command) => command.name() === first);
  if (!known) (await import('./commands/lab.ts')).registerLab(program);
  return program;
}

/** Prints what went wrong: cause and mend for people, the problem document for programs. */
function explain(error: unknown, json: boolean): void {
  const document = problemOfError(error);
  if (json) process.stdout.write(`${JSON.stringify(document)}\n`);
  // Commander has said it already.
  if (error instanceof CommanderError) return;
  for (const { message, mend } of document.causes)
    process.stderr.write(`drayage: ${message}${mend === '' ? '' : `\n  ${mend}`}\n`);
  if (process.env['DRAYAGE_DEBUG'] !== undefined) process.stderr.write(`${String((error as Error).stack)}\n`);
}

/** Whether `--json` stands among the CLI's own words: after `--` they are the compute's. */
function wantsJson(words: string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
}

const words = process.argv.slice(2);
// `drayage ... | head`: a reader that has gone is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
try {
  const program = await buildProgram(words);
  await program.parseAsync(words, { from: 'user' });
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (process.exitCode !== 0) explain(error, wantsJson(words));
}
