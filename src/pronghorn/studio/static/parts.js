// Small parts that the views share.
import {h} from "preact";
import {useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState} from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export {useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState};

export const classes = (...names) => names.filter(Boolean).join(" ");

// -- numbers -----------------------------------------------------------------------------------------------------------
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
}
export const percent = (share, digits = 1) => Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–";
export const shape = (dims) => dims ? dims.slice(1).map((n) => n ?? "?").join(" × ") || "1" : "?";
export const bytes = (n) => n >= 1e9 ? `${(n / 1e9).toFixed(2)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${n} B`;
export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// -- pixels ------------------------------------------------------------------------------------------------------------
export function decode(text) {
  const raw = atob(text);
  const array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) array[i] = raw.charCodeAt(i);
  return array;
}

export function encode(array) {
  let text = "";
  for (let i = 0; i < array.length; i += 8192) text += String.fromCharCode(...array.subarray(i, i + 8192));
  return btoa(text);
}

// Colours of a value of 0 to 255: a map from dark violet over orange to pale yellow, or a plain colour with that opacity.
const RAMP = [[10, 8, 30], [66, 18, 92], [150, 38, 92], [221, 81, 58], [251, 154, 39], [252, 252, 190]];
function ramp(value) {
  const place = (value / 255) * (RAMP.length - 1);
  const i = Math.min(RAMP.length - 2, Math.floor(place));
  const t = place - i;
  return RAMP[i].map((c, k) => c + (RAMP[i + 1][k] - c) * t);
}
const RAMPED = Array.from({length: 256}, (_, i) => ramp(i));

export function paint(canvas, width, height, channels, data, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const out = image.data;
  for (let i = 0; i < width * height; i++) {
    let rgb;
    let alpha = 255;
    if (channels === 3) rgb = [data[3 * i], data[3 * i + 1], data[3 * i + 2]];
    else if (colour === "ramp") rgb = RAMPED[data[i]];
    else if (Array.isArray(colour)) [rgb, alpha] = [colour, data[i]];
    else rgb = [data[i], data[i], data[i]];
    out[4 * i] = rgb[0];
    out[4 * i + 1] = rgb[1];
    out[4 * i + 2] = rgb[2];
    out[4 * i + 3] = alpha;
  }
  context.putImageData(image, 0, 0);
}

// A picture of the studio: {h, w, c, data}.
const NOTHING = [];
export function Pixels({picture, size = 56, colour = "grey", label = "", over = NOTHING}) { // what is `over` it is laid on a dimmed picture
  const ref = useRef();
  useLayoutEffect(() => {
    if (!picture) return;
    paint(ref.current, picture.w, picture.h, picture.c ?? 1, decode(picture.data), colour);
    if (over.length) {
      const context = ref.current.getContext("2d");
      context.fillStyle = "rgb(0 0 0 / 62%)";
      context.fillRect(0, 0, picture.w, picture.h);
    }
    for (const layer of over) {
      const extra = document.createElement("canvas");
      paint(extra, layer.picture.w, layer.picture.h, 1, decode(layer.picture.data), layer.colour);
      ref.current.getContext("2d").drawImage(extra, 0, 0);
    }
  }, [picture, colour, over]);
  const style = {width: `${size}px`, height: `${Math.round(size * (picture ? picture.h / picture.w : 1))}px`};
  return html`<canvas class="pixels" ref=${ref} style=${style} role="img" aria-label=${label}></canvas>`;
}

// -- controls ----------------------------------------------------------------------------------------------------------
export function Button({children, kind = "", busy = false, ...rest}) {
  return html`<button type="button" class=${classes("button", kind, busy && "busy")} aria-busy=${busy} ...${rest}>${children}</button>`;
}

// A field with its label above; `onValue` gets what was entered once the user is done. States come at any time, also such
// as are older than what was entered: until the promise of `onValue` is settled, the field shows what was entered. And
// text does not change under the hands of whoever has gone to it, who would type into the midst of another.
export function Field({label, help, kind, value, choices, onValue, disabled, error, min, step}) {
  const [draft, setDraft] = useState(null); // typed, and not entered yet
  const [held, setHeld] = useState(null); // the text as it was when the field was gone to
  const [entered, setEntered] = useState(null); // {value}, and not settled yet
  const current = entered ? entered.value : value;
  const text = current === null || current === undefined ? "" : String(current);
  const shown = draft ?? held ?? text;
  const id = `field-${label.replace(/\W+/g, "-").toLowerCase()}`;
  const hold = () => setHeld(shown);
  const leave = () => {
    setDraft(null);
    setHeld(null);
  };
  const enter = async (next) => {
    const own = {value: next};
    leave();
    setEntered(own);
    try {
      await onValue(next);
    } finally {
      setEntered((now) => (now === own ? null : now));
      setHeld((now) => (now === String(next) ? null : now)); // a browser may tell late of a selection: what is refused does not stay
    }
  };
  const commit = () => {
    leave();
    if (draft === null || draft.trim() === "") return; // also what equals the state is entered: that may be an old one
    enter(kind === "text" || Number.isNaN(Number(draft)) ? draft : Number(draft));
  };
  let control;
  if (kind === "choice") {
    control = html`<select id=${id} disabled=${disabled} value=${current} aria-busy=${entered !== null} onChange=${(e) => enter(e.target.value)}>
      ${choices.map((choice) => {
        const [name, title] = Array.isArray(choice) ? choice : [choice, choice];
        return html`<option value=${name} selected=${String(name) === text}>${title}</option>`;
      })}
    </select>`;
  } else if (kind === "switch") {
    control = html`<input id=${id} type="checkbox" disabled=${disabled} checked=${current} aria-busy=${entered !== null} onChange=${(e) => enter(e.target.checked)} />`;
  } else {
    control = html`<input id=${id} type="text" inputmode=${kind === "text" ? "text" : "decimal"} autocomplete="off" disabled=${disabled}
      value=${shown} aria-invalid=${Boolean(error)} aria-busy=${entered !== null}
      onFocus=${hold} onSelect=${hold} onInput=${(e) => setDraft(e.target.value)} onBlur=${commit}
      onKeyDown=${(e) => {
        if (e.key === "Enter") commit();
        if (e.key === "Escape") leave();
        if ((kind === "whole" || kind === "pair") && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
          e.preventDefault();
          const next = Math.max(min ?? 1, Math.round(Number(shown) || 0) + (e.key === "ArrowUp" ? 1 : -1) * (step ?? 1));
          enter(next);
        }
      }} />`;
  }
  return html`<div class=${classes("field", kind === "switch" && "inline")}>
    <label for=${id}>${label}</label>${control}
    ${help && html`<p class="help">${help}</p>`}
  </div>`;
}

export function Card({title, aside, children, kind = "", id}) {
  return html`<section class=${classes("card", kind)} id=${id} aria-label=${title || undefined}>
    ${title && html`<header class="card-head"><h2>${title}</h2>${aside && html`<div class="card-aside">${aside}</div>`}</header>`}
    ${children}
  </section>`;
}

export function Empty({children}) {
  return html`<p class="empty">${children}</p>`;
}

// One of a few, as a row of buttons; arrows move between them.
export function Segments({label, value, options, onValue}) {
  const move = (event) => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    const next = (options.findIndex(([name]) => name === value) + by + options.length) % options.length;
    onValue(options[next][0]);
    event.currentTarget.children[next].focus();
  };
  return html`<div class="segments" role="radiogroup" aria-label=${label} onKeyDown=${move}>
    ${options.map(([name, title]) => html`<button type="button" role="radio" aria-checked=${name === value}
      tabindex=${name === value ? 0 : -1} onClick=${() => onValue(name)}>${title}</button>`)}
  </div>`;
}

export function Dialog({title, onClose, children}) {
  const ref = useRef();
  useEffect(() => {
    ref.current.showModal();
  }, []);
  return html`<dialog ref=${ref} aria-label=${title} onClose=${onClose}
    onClick=${(e) => e.target === ref.current && ref.current.close()}>
    <div class="dialog-in"><header class="card-head"><h2>${title}</h2>
      <${Button} kind="plain" aria-label="Close" onClick=${() => ref.current.close()}>✕</${Button}></header>
    ${children}</div>
  </dialog>`;
}

// Bars of how often values occur.
export function Histogram({data, label, tone = "accent"}) {
  if (!data || !data.counts.length) return html`<div class="histogram empty-histogram">no numbers</div>`;
  const most = Math.max(...data.counts);
  const width = 100 / data.counts.length;
  const first = data.edges[0];
  const last = data.edges[data.edges.length - 1];
  const title = `${label}: from ${number(first, 3)} to ${number(last, 3)}, mean ${number(data.mean, 3)}, spread ${number(data.std, 3)}`;
  const zero = first < 0 && last > 0 ? (100 * -first) / (last - first) : null;
  return html`<figure class=${`histogram ${tone}`} title=${title}>
    <svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label=${title}>
      ${data.counts.map((count, i) => html`<rect x=${i * width} width=${width * 0.86} y=${40 - (39 * count) / most} height=${(39 * count) / most} />`)}
      ${zero !== null && html`<line x1=${zero} x2=${zero} y1="0" y2="40" />`}
    </svg>
    <figcaption><span>${number(first, 2)}</span><span class="muted">${label}${data.odd ? ` · ${data.odd} NaN or infinite` : ""}</span><span>${number(last, 2)}</span></figcaption>
  </figure>`;
}
