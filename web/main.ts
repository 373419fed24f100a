import { mount } from 'svelte';
import { config } from 'zod';
import App from './App.svelte';
import { reloadWhenReplaced } from './lib/shell/reloadWhenReplaced.ts';
import './styles/tokens.css';
import './styles/base.css';

// The policy lets no text be run as a program, which is how zod is fast otherwise.
config({ jitless: true });
reloadWhenReplaced();

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no place for the dashboard.');
mount(App, { target });
