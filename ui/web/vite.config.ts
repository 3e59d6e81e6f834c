import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Port of the `foldline up` that `npm run dev` talks to. */
const apiPort = process.env.FOLDLINE_PORT ?? '43800';

export default defineConfig({
  // Every asset is named relative to the document's base, so that a reverse proxy may add a prefix.
  base: './',
  plugins: [svelte()],
  build: {
    outDir: '../foldline_ui/static',
    emptyOutDir: true,
    target: 'es2022',
    // The content policy allows no data: URLs, hence nothing is inlined, fonts included.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    proxy: { '/api': `http://127.0.0.1:${apiPort}` },
  },
  test: {
    include: ['tests/unit/**/*.test.ts', 'src/**/*.test.ts'],
    environment: 'node',
  },
});
