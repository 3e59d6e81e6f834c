/** Entry: fonts and styles first, then the app. */

import '@fontsource-variable/inter/wght.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import './styles/tokens.css';
import './styles/base.css';
import { mount } from 'svelte';
import { mendLanguage } from './lib/state/language';
import { pinBase } from './lib/state/route.svelte';
import App from './App.svelte';

pinBase();
mendLanguage();

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(App, { target });
