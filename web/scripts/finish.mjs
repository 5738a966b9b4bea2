// After the build: copy the bundle to where the Python package has it, with the checksum of what it was made from.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = process.argv[2] ?? join(web, "..", "src", "stemtree", "page", "bundle");

/** Everything that decides what the bundle is, in the order in which `tests/page/test_bundle.py` has it. */
function sources() {
  const found = readdirSync(join(web, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(web, join(entry.parentPath, entry.name)));
  const others = [
    "index.html",
    "package-lock.json",
    "package.json",
    "packet.js",
    "scripts/finish.mjs",
    "vite.config.ts",
  ];
  return [...found, ...others].map((file) => file.replaceAll("\\", "/")).sort();
}

const hash = createHash("sha256");
for (const file of sources()) {
  const content = readFileSync(join(web, file), "utf8").replaceAll("\r\n", "\n");
  hash.update(`${file}\n${Buffer.byteLength(content)}\n${content}`);
}

mkdirSync(bundle, { recursive: true });
cpSync(join(web, "dist", "app.js"), join(bundle, "app.js"));
cpSync(join(web, "dist", "app.css"), join(bundle, "app.css"));
cpSync(join(web, "packet.js"), join(bundle, "packet.js"));
const page = readFileSync(join(web, "index.html"), "utf8");
writeFileSync(join(bundle, "index.html"), page);
writeFileSync(join(bundle, "compare.html"), page.replace("<html ", '<html data-reference="" '));
const licence = readFileSync(join(web, "node_modules", "wavesurfer.js", "LICENSE"), "utf8");
writeFileSync(join(bundle, "LICENSES.txt"), `app.js contains wavesurfer.js 8.0.1.\n\n${licence}`);
writeFileSync(join(bundle, "sources.sha256"), `${hash.digest("hex")}\n`);
