import { defineConfig } from "vitest/config";

// One classic script and one style sheet: a page opened from the file system may load no modules.
export default defineConfig({
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    minify: true,
    cssMinify: true,
    lib: {
      entry: "src/main.ts",
      formats: ["iife"],
      name: "stemtreePage",
      fileName: () => "app.js",
      cssFileName: "app",
    },
    reportCompressedSize: false,
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
