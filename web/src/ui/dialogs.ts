/** Dialogs: the keyboard, and what can be taken away. */

import type { App } from "../app";
import { h, icon } from "./dom";

export const KEYS: [string, string][] = [
  ["space", "play or pause"],
  ["← →", "back or forward 5 s; with shift 1 s"],
  ["home end", "to the start or the end"],
  ["↑ ↓", "choose the row above or below"],
  ["enter", "open or close the chosen node"],
  ["M S", "mute or solo the chosen node"],
  ["shift S", "solo the chosen node alone"],
  ["1 – 9", "solo the first to ninth row below the mixture alone; again for everything"],
  [", .", "gain of the chosen node down or up"],
  ["< >", "pan of the chosen node to the left or right"],
  ["E", "everything as it is"],
  ["A", "the mix or the original, equally loud"],
  ["T", "estimates or true stems, where there are any"],
  ["L", "loop on or off"],
  ["[ ]", "start or end the loop here"],
  ["+ − 0", "zoom in, out, all"],
  ["W", "waveforms to one scale, or each to its own"],
  ["F", "inactive nodes shown or folded away"],
  ["V", "pictures of the chosen node"],
  ["/", "search"],
  ["X", "take away"],
  ["?", "this list"],
];

function dialog(title: string, ...content: HTMLElement[]): HTMLDialogElement {
  const close = h(
    "button",
    { type: "button", class: "tool", "aria-label": "Close", onclick: () => element.close() },
    icon("close"),
  );
  const element = h(
    "dialog",
    { "aria-label": title },
    h("div", { class: "dialog-head" }, h("h2", {}, title), close),
    ...content,
  );
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close(); // beside it
  });
  document.body.append(element);
  return element;
}

export function helpDialog(): HTMLDialogElement {
  const rows = KEYS.map(([keys, what]) =>
    h("tr", {}, h("th", { scope: "row" }, ...keys.split(" ").map((key) => h("kbd", {}, key))), h("td", {}, what)),
  );
  return dialog(
    "Keyboard",
    h("table", { class: "keys" }, h("tbody", {}, ...rows)),
    h(
      "p",
      {},
      "Click a waveform to go there, drag over it to mark a loop; turn the wheel with ctrl to zoom, with shift to move.",
    ),
  );
}

export class TakeDialog {
  readonly element: HTMLDialogElement;
  private readonly progress = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Rendering" });
  private readonly status = h("p", { class: "status", role: "status" });
  private readonly cancel: HTMLButtonElement;
  private readonly link: HTMLInputElement;
  private stop = false;
  private busy = false;

  constructor(private readonly app: App) {
    this.cancel = h(
      "button",
      {
        type: "button",
        class: "plain",
        hidden: true,
        onclick: () => {
          this.stop = true;
        },
      },
      "Cancel",
    );
    this.link = h("input", { type: "text", readonly: true, "aria-label": "Link to this state of the page" });
    const choice = (text: string, note: string, act: () => void) =>
      h("button", { type: "button", class: "choice", onclick: act }, h("strong", {}, text), h("span", {}, note));
    this.element = dialog(
      "Take away",
      choice("The mix as WAV", exactly(app), () => void this.render(null)),
      choice(
        "The chosen node as WAV",
        "as it was separated, without the mix's gains",
        () => void this.render(app.chosen),
      ),
      choice("Link to this state", "mix, position, loop and view, in the address of the page", () => void this.copy()),
      this.link,
      h("div", { class: "progress" }, this.progress, this.cancel),
      this.status,
    );
    this.link.hidden = true;
  }

  open(): void {
    this.status.textContent = "";
    this.link.hidden = true;
    this.element.showModal();
  }

  async render(node: number | null): Promise<void> {
    if (this.busy) return;
    if (!this.element.open) this.open();
    this.busy = true;
    this.stop = false;
    this.progress.hidden = this.cancel.hidden = false;
    const rendered = await this.app.render(
      node,
      (share) => {
        this.progress.value = share;
      },
      () => this.stop,
    );
    this.progress.hidden = this.cancel.hidden = true;
    this.busy = false;
    if (!rendered) {
      this.status.textContent = this.stop ? "Cancelled." : this.app.message;
      return;
    }
    const address = URL.createObjectURL(rendered.blob);
    h("a", { href: address, download: rendered.name }).click();
    window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
    const clipped = rendered.clipped
      ? ` ${rendered.clipped} values were held at full scale: turn the mix down to avoid that.`
      : "";
    this.status.textContent = `Saved ${rendered.name}.${clipped}`;
  }

  private async copy(): Promise<void> {
    const hash = this.app.toHash();
    this.link.value = location.href.replace(/#.*$/, "") + (hash && `#${hash}`);
    this.link.hidden = false;
    this.link.select();
    try {
      await navigator.clipboard.writeText(this.link.value);
      this.status.textContent = "The link is in the clipboard.";
    } catch {
      this.status.textContent = "Copy the link above.";
    }
  }
}

function exactly(app: App): string {
  const { song } = app;
  if (song.exact) return `${song.bits} bit; with everything on it is the input, sample by sample`;
  return song.bits === 32 ? "32 bit floating point" : `${song.bits} bit`;
}
