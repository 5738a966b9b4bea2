/** The page: loads what it is to show, puts it together, and keeps it moving. */

import "./style.css";
import { App } from "./app";
import type { ReferenceSet, Song } from "./format";
import { Loader } from "./loader";
import { helpDialog, TakeDialog } from "./ui/dialogs";
import { Frames, h, say } from "./ui/dom";
import { listen } from "./ui/keyboard";
import { Pane } from "./ui/pane";
import { Rows } from "./ui/rows";
import { Ruler } from "./ui/ruler";
import { restoreTheme } from "./ui/theme";
import { Transport } from "./ui/transport";

const FORMAT = 2;

async function start(): Promise<App> {
  restoreTheme();
  const began = performance.now();
  const loader = new Loader();
  const song: Song = await loader.song();
  if (song.format !== FORMAT)
    throw new Error("This page's program and data are of different versions: make the page again.");
  const compare = document.documentElement.dataset.reference !== undefined;
  const reference: ReferenceSet | null = compare ? await loader.reference() : null;
  document.body.replaceChildren(); // from here on it also holds the frames of packets
  const app = new App(loader, song, reference);
  await Promise.all([...app.pictures.values()].map((pictures) => pictures.load()));
  build(app);
  document.documentElement.dataset.ready = (performance.now() - began).toFixed(0);
  return app;
}

function build(app: App): void {
  document.title = `${app.song.title} – stemtree`;
  const frames = new Frames();
  const help = helpDialog();
  const take = new TakeDialog(app);
  const rows = new Rows(app, frames);
  const ruler = new Ruler(app, frames);
  const pane = new Pane(app, frames, (node) => void take.render(node));
  const themed = () => {
    rows.redraw();
    pane.draw();
  };
  const transport = new Transport(app, { help: () => help.showModal(), take: () => take.open(), themed });
  const search = h("input", {
    type: "search",
    placeholder: "Search (/)",
    "aria-label": "Search the tree",
    oninput: () => app.search(search.value),
  });
  const notes = [...app.song.notes];
  if (app.song.exact) notes.unshift("With everything on this is the song, sample by sample.");
  const message = h("p", { class: "message", role: "status" });
  const stage = h(
    "main",
    { class: "stage" },
    h(
      "div",
      { class: "content" },
      h("div", { class: "ruler" }, h("div", { class: "search" }, search), ruler.element),
      rows.element,
      pane.element,
      ruler.overlay,
    ),
  );
  document.body.append(
    transport.element,
    stage,
    h("footer", {}, h("p", { class: "notes" }, notes.join(" ")), message),
    help,
    take.element,
  );
  app.on((change) => {
    if (change === "message") say(message, app.message);
    if (change === "mix" || change === "chosen" || change === "loop" || change === "view") remember();
    if (change === "transport") remember();
  });
  ruler.listen(stage);
  listen(app, rows, {
    help: () => help.showModal(),
    take: () => take.open(),
    search: () => search.focus(),
    pictures: () => pane.show(!pane.open),
  });
  const place = () => {
    const { left, width } = rows.area;
    ruler.place(left, width);
  };
  new ResizeObserver(place).observe(rows.element);
  app.on((change) => {
    if (change === "rows") frames.ask(place);
  });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", themed);
  window.addEventListener("hashchange", () => app.restore(location.hash));

  let timer = 0;
  const remember = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      const hash = app.toHash(app.isPlaying ? 0 : app.position);
      if (`#${hash}` !== location.hash && (hash || location.hash)) history.replaceState(null, "", `#${hash}`);
    }, 400);
  };
  const frame = (time: number) => {
    transport.frame();
    transport.meter.frame(time);
    if (app.isPlaying) {
      ruler.move();
      ruler.follow();
    }
    document.documentElement.classList.toggle("waiting", app.isWaiting);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function complain(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  document.body.replaceChildren(
    h("main", { class: "broken" }, h("h1", {}, "stemtree"), h("p", { role: "alert" }, text)),
  );
  document.documentElement.dataset.ready = "failed";
}

/** For scripts and tests: `await stemtreePage.app`. */
export const app: Promise<App> = start();
app.catch(complain);
