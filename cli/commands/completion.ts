import { Argument, type Command } from 'commander';
import { scriptFor, SHELLS, type Shell } from '../completion/scripts.ts';

const HELP = `
The script asks this program for every word, also for the names of your computes, devices, images and
so on, when the CLI is signed in. To have it in every shell to come:

  bash  echo 'source <(drayage completion bash)' >> ~/.bashrc
  zsh   echo 'source <(drayage completion zsh)' >> ~/.zshrc
        or, with a folder of your fpath:  drayage completion zsh > FOLDER/_drayage
  fish  drayage completion fish > ~/.config/fish/completions/drayage.fish

\`drayage\` has to be among your commands: in your PATH, or a function of that name.`;

/** `drayage completion` */
export function defineCompletion(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'which shell the script is for').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(scriptFor(shell));
    });
}
