import './lib/withoutEval.ts';
import { mount } from 'svelte';
import App from './App.svelte';
import { reloadWhenReplaced } from './lib/shell/reloadWhenReplaced.ts';
import './styles/tokens.css';
import './styles/base.css';

reloadWhenReplaced();

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no place for the dashboard.');
mount(App, { target });
