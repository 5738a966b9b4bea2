// Drives Chromium for the tests in tests/page: reads commands as JSON, a line each, and answers with a line each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
  ],
});

let context = null;
let page = null;
let problems = [];

const commands = {
  /** Open an address in a fresh context and wait until the page is ready. */
  async open({ url, width = 1440, height = 900, scheme = "dark", before, touch = false }) {
    await context?.close();
    problems = [];
    context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      acceptDownloads: true,
      hasTouch: touch,
      isMobile: touch,
    });
    page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    if (before) await page.addInitScript(before);
    const began = performance.now();
    await page.goto(url);
    await page.waitForFunction("document.documentElement.dataset.ready", null, { timeout: 20000 });
    return { seconds: (performance.now() - began) / 1000, problems };
  },
  async problems() {
    return problems;
  },
  /** The value of an expression; `app` is the page's. */
  async evaluate({ expression }) {
    return page.evaluate(`stemtreePage.app.catch(() => null).then(async (app) => (${expression}))`);
  },
  async press({ keys }) {
    for (const key of keys) await page.keyboard.press(key);
  },
  async type({ text }) {
    await page.keyboard.type(text);
  },
  async click({ selector, x, y, count = 1 }) {
    const position = x === undefined ? undefined : { x, y };
    await page.click(selector, { position, clickCount: count, timeout: 4000 });
  },
  async drag({ from, to }) {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 4 });
    await page.mouse.up();
  },
  /** Until what was asked for is drawn. */
  async frame() {
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  },
  async wait({ ms }) {
    await page.waitForTimeout(ms);
  },
  async until({ expression, ms = 5000 }) {
    await page.waitForFunction(expression, null, { timeout: ms });
  },
  /** What a click downloads: its name, and the file at `path`. */
  async download({ selector, path, index = 0 }) {
    const coming = page.waitForEvent("download", { timeout: 20000 });
    await page.locator(selector).nth(index).click();
    const download = await coming;
    await download.saveAs(path);
    return download.suggestedFilename();
  },
  async screenshot({ path }) {
    await page.screenshot({ path });
  },
  /** Violations of the accessibility rules of WCAG 2.2 A and AA. */
  async axe() {
    await page.evaluate(axe);
    const result = await page.evaluate(
      "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })",
    );
    return result.violations.map(
      (violation) => `${violation.id}: ${violation.help} (${violation.nodes.map((node) => node.target).join(" | ")})`,
    );
  },
  /** Memory of the page in MB: what its process holds for itself, and what scripts and buffers in it take. */
  async memory({ collect = true } = {}) {
    const client = await context.newCDPSession(page);
    if (collect) await client.send("HeapProfiler.collectGarbage");
    const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await client.send("Runtime.getHeapUsage");
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const own = processInfo
      .filter((process) => process.type === "renderer")
      .map((process) => {
        try {
          const text = readFileSync(`/proc/${process.id}/smaps_rollup`, "utf8");
          const kB = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
          return (kB("Private_Clean") + kB("Private_Dirty")) / 1024;
        } catch {
          return 0;
        }
      });
    const MB = 1 / 1024 / 1024;
    return {
      process: Math.max(...own),
      scripts: (usedSize + embedderHeapUsedSize) * MB,
      buffers: backingStorageSize * MB,
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  if (command === "quit") break;
  let answer;
  try {
    answer = { value: (await commands[command](options)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
