import { CommanderError } from 'commander';
import { buildProgram } from './program.ts';

/** What the scripts of `drayage completion` ask; no command of a person's. */
const COMPLETE = '__complete';

const words = process.argv.slice(2);
// `drayage ... | head`: a reader that has gone is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
if (words[0] === COMPLETE) {
  const { answerShell } = await import('./completion/answerShell.ts');
  await answerShell(words.slice(words[1] === '--' ? 2 : 1), buildProgram);
} else {
  try {
    const program = await buildProgram(words);
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    // Help and version end so, too; they have no need of what explains failures.
    if (!(error instanceof CommanderError) || error.exitCode !== 0) {
      const { explain } = await import('./explain.ts');
      process.exitCode = explain(error, words);
    }
  }
}
