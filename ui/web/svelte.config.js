import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true },
  // Third-party components are not ours to mend: their warnings would hide our own.
  vitePlugin: { dynamicCompileOptions: ({ filename }) =>
    filename.includes('node_modules') ? { runes: undefined } : undefined },
};
