import { remembered } from './state/remembered.ts';

export type ThemeChoice = 'system' | 'light' | 'dark';

/** Read by public/assets/theme.js too, before the first paint. */
const THEME = 'theme';
const wantsDark = matchMedia('(prefers-color-scheme: dark)');

/** Dark or light, as chosen here or as the system has it. */
class Theme {
  choice = $state<ThemeChoice>(readChoice());
  #systemDark = $state(wantsDark.matches);

  constructor() {
    wantsDark.addEventListener('change', ({ matches }) => (this.#systemDark = matches));
  }

  /** What is shown now. */
  get shown(): 'light' | 'dark' {
    if (this.choice !== 'system') return this.choice;
    return this.#systemDark ? 'dark' : 'light';
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    remembered.set(THEME, choice === 'system' ? null : choice);
    if (choice === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = choice;
  }
}

function readChoice(): ThemeChoice {
  const chosen = remembered.get(THEME);
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

export const theme = new Theme();
