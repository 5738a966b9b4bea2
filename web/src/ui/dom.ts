/** Small helpers around the DOM. */

type Child = Node | string | null | undefined | false;

/** Make an element: attributes by name, listeners by `onname`, text as text. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const ICONS = {
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  start: "M6 5h2.2v14H6zM19 5.5v13L9 12z",
  loop: "M7 7h9.5V4.5L20.5 8.5l-4 4V10H9v3H7zM17 17H7.5v2.5l-4-4 4-4V14H15v-3h2z",
  caret: "M9 6l6 6-6 6z",
  save: "M11 4h2v8.2l3-3 1.4 1.4L12 16l-5.4-5.4L8 9.2l3 3zM5 18h14v2H5z",
  link: "M10.6 13.4a4 4 0 0 1 0-5.7l2.6-2.5a4 4 0 0 1 5.6 5.6l-1.5 1.5-1.4-1.4 1.5-1.5a2 2 0 1 0-2.8-2.8L12 9.1a2 2 0 0 0 0 2.9zM13.4 10.6a4 4 0 0 1 0 5.7l-2.6 2.5a4 4 0 0 1-5.6-5.6l1.5-1.5 1.4 1.4-1.5 1.5a2 2 0 1 0 2.8 2.8l2.6-2.5a2 2 0 0 0 0-2.9z",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16v-2a6 6 0 0 0 0-12z",
  close: "M6.4 5L12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4L12 13.4 6.4 19 5 17.6 10.6 12 5 6.4z",
} as const;

export type Icon = keyof typeof ICONS;

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/** Set the text of an element only where it changes: every write costs a layout. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function put(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** 75.25 as 1:15.2, with hours where there are any. */
export function clock(seconds: number, tenths = true): string {
  const whole = tenths ? Math.floor(seconds * 10) / 10 : Math.floor(seconds + 1e-6);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole % 60;
  const text = (tenths ? rest.toFixed(1) : String(Math.floor(rest))).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${text}` : `${minutes}:${text}`;
}

export function signed(value: number, digits = 1): string {
  if (!Number.isFinite(value)) return "−∞";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? Number(0).toFixed(digits) : `${value < 0 ? "−" : "+"}${text}`;
}

export function percent(share: number | null): string {
  if (share === null) return "";
  if (share >= 0.0995) return `${Math.round(share * 100)} %`;
  return share >= 0.001 ? `${(share * 100).toFixed(1)} %` : share > 0 ? "< 0.1 %" : "0 %";
}

/** Draw at most once a frame. */
export class Frames {
  private readonly waiting = new Set<() => void>();
  private scheduled = false;

  ask(draw: () => void): void {
    this.waiting.add(draw);
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      const now = [...this.waiting];
      this.waiting.clear();
      for (const draw of now) draw();
    });
  }
}
