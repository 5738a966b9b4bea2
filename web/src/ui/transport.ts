/** The head of the page: the song, transport, what is heard, presets, level and meter. */

import type { App } from "../app";
import { HIGHEST_DB, isNeutral, LOWEST_DB, sameMix } from "../mix";
import { clock, h, icon, put, say, signed } from "./dom";
import { Meter } from "./meter";
import { toggleTheme } from "./theme";

export class Transport {
  readonly element: HTMLElement;
  readonly meter: Meter;
  private readonly playButton: HTMLButtonElement;
  private readonly loopButton: HTMLButtonElement;
  private readonly now = h("span", { class: "now" }, "0:00.0");
  private readonly loopText = h("span", { class: "loop-text" });
  private readonly choices: { button: HTMLButtonElement; on: () => boolean }[] = [];
  private readonly presetButtons: { button: HTMLButtonElement; on: () => boolean }[] = [];
  private readonly levelSlider: HTMLInputElement;
  private readonly levelText = h("output");
  private readonly matched = h("span", { class: "matched" });

  constructor(
    private readonly app: App,
    actions: { help(): void; take(): void; themed(): void },
  ) {
    const { song } = app;
    this.meter = new Meter(app);
    this.playButton = this.button("play", "Play", () => app.toggle(), "play");
    this.loopButton = this.button("loop", "Loop", () => app.toggleLoop(), "round");
    this.levelSlider = h("input", {
      type: "range",
      min: LOWEST_DB,
      max: HIGHEST_DB,
      step: 1,
      "aria-label": "Listening level",
      title: "Listening level: changes nothing of the mix",
      oninput: () => app.setLevel(this.levelSlider.valueAsNumber),
      ondblclick: () => app.setLevel(0),
    });
    const facts = [
      `${song.rate % 1000 ? (song.rate / 1000).toFixed(1) : song.rate / 1000} kHz`,
      song.subtype.replace("pcm", "").replace(/^(\d+)$/, "$1 bit"),
      song.channels === 2 ? "stereo" : "mono",
      clock(app.duration, app.duration < 10),
      song.hierarchy,
    ];
    const segment = (text: string, title: string, on: () => boolean, act: () => void) => {
      const button = h("button", { type: "button", title, onclick: act }, text);
      this.choices.push({ button, on });
      return button;
    };
    const original = segment(
      "Original",
      song.covers ? "The song itself, as loud as the mix (A)" : "Only some of the song is here",
      () => app.original,
      () => app.listenTo({ original: true }),
    );
    original.disabled = !song.covers;
    const truth = app.reference
      ? [
          segment(
            "True",
            "The true stems, mixed the same way (T)",
            () => app.set === "reference" && !app.original,
            () => app.listenTo({ set: "reference" }),
          ),
        ]
      : [];
    const mixName = app.reference ? "Estimates" : "Mix";
    const heard = h(
      "div",
      { class: "segments", role: "group", "aria-label": "What is heard" },
      segment(
        mixName,
        "The mix of the stems (A)",
        () => app.set === "estimates" && !app.original,
        () => app.listenTo({ set: "estimates", original: false }),
      ),
      ...truth,
      original,
    );
    const preset = (name: string, title: string, on: () => boolean, act: () => void) => {
      const button = h("button", { type: "button", title, onclick: act }, name);
      this.presetButtons.push({ button, on });
      return button;
    };
    const presets = h(
      "div",
      { class: "segments presets", role: "group", "aria-label": "Presets" },
      preset(
        "Everything",
        "All nodes as they are (E)",
        () => isNeutral(app.mix),
        () => app.reset(),
      ),
      ...app.presets().map(({ name, mix }) =>
        preset(
          `${name[0].toUpperCase()}${name.slice(1)}`,
          `The mix ${name}`,
          () => sameMix(app.mix, mix),
          () => app.setMix(mix),
        ),
      ),
    );
    this.element = h(
      "header",
      {},
      h(
        "div",
        { class: "song" },
        h("h1", { dir: "auto", title: song.input }, song.title),
        h("p", { class: "song-facts" }, facts.filter(Boolean).join(" · ")),
        h(
          "div",
          { class: "tools" },
          h("button", { type: "button", class: "plain", onclick: actions.take }, icon("save"), "Take away"),
          this.button("theme", "Dark or light", () => {
            toggleTheme();
            actions.themed();
          }),
          h(
            "button",
            { type: "button", class: "tool", "aria-label": "Keyboard", title: "Keyboard (?)", onclick: actions.help },
            "?",
          ),
        ),
      ),
      h(
        "div",
        { class: "transport", role: "toolbar", "aria-label": "Transport" },
        this.button("start", "To the start", () => app.seek(app.looping ? app.loop!.from : 0)),
        this.playButton,
        this.loopButton,
        h(
          "div",
          { class: "times" },
          h("span", { class: "clock" }, this.now, h("span", { class: "total" }, ` / ${clock(app.duration)}`)),
          this.loopText,
        ),
        heard,
        this.matched,
        presets,
        h(
          "div",
          { class: "output" },
          h("label", { class: "level" }, h("span", {}, "Level"), this.levelSlider, this.levelText),
          this.meter.element,
        ),
      ),
    );
    app.on((change) => {
      if (change === "transport" || change === "loop") this.updateTransport();
      if (change === "mix" || change === "heard") this.updateHeard();
    });
    this.updateTransport();
    this.updateHeard();
  }

  /** Show the time. */
  frame(): void {
    say(this.now, clock(this.app.position));
  }

  private button(name: Parameters<typeof icon>[0], title: string, act: () => void, kind = "tool"): HTMLButtonElement {
    return h(
      "button",
      { type: "button", class: kind === "round" ? "tool" : kind, "aria-label": title, title, onclick: act },
      icon(name),
    );
  }

  private updateTransport(): void {
    const { app } = this;
    const playing = app.isPlaying;
    this.playButton.replaceChildren(icon(playing ? "pause" : "play"));
    put(this.playButton, "aria-label", playing ? "Pause" : "Play");
    put(this.playButton, "title", `${playing ? "Pause" : "Play"} (space)`);
    put(this.loopButton, "aria-pressed", String(app.looping));
    put(this.loopButton, "title", app.loop ? "Loop the region (L)" : "Loop (L); drag over a waveform for a region");
    say(this.loopText, app.loop ? `${clock(app.loop.from)} – ${clock(app.loop.to)}` : "");
    this.loopText.classList.toggle("on", app.looping);
    this.frame();
  }

  private updateHeard(): void {
    const { app } = this;
    for (const { button, on } of [...this.choices, ...this.presetButtons]) put(button, "aria-pressed", String(on()));
    this.levelSlider.valueAsNumber = app.level;
    const text = app.level <= LOWEST_DB ? "off" : `${signed(app.level, 0)} dB`;
    say(this.levelText, text);
    put(this.levelSlider, "aria-valuetext", text);
    const gain = app.originalGain;
    say(this.matched, app.original ? `${signed(gain)} dB` : "");
    put(this.matched, "title", "By this the original is turned to be as loud as the mix");
  }
}
