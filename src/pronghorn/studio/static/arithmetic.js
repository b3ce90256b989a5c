// One value of a layer: the window of the input, the filter, and the sum that made it.
import {ask} from "./link.js";
import {Button, Card, decode, html, number, paint, useEffect, useLayoutEffect, useRef, useState} from "./parts.js";

const ZOOM = 260;
export const isRows = (layer) => layer.shape.length === 2; // a row of numbers a step, drawn as one map

export function Arithmetic({features, source, input, chosen, onChoose, onClose}) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  const layer = features.find((one) => one.name === chosen.layer);
  const place = chosen.place;
  useEffect(() => {
    let wanted = true;
    setError("");
    ask("value", {source, layer: chosen.layer, place}).then((result) => wanted && setFound({...result, layer: chosen.layer}), (problem) => wanted && (setFound(null), setError(problem.message)));
    return () => { wanted = false; };
  }, [chosen.layer, place.join(), features]);
  const shown = found?.layer === chosen.layer ? found : null;
  const before = shown && features.find((one) => one.name === shown.from);
  const channel = shown?.windows[0]?.channel ?? 0;
  const map = place[2] ?? 0;
  const what = isRows(layer) ? "The values" : `Map ${map}`;
  const where = isRows(layer) ? `step ${place[0]}, number ${place[1]}` : layer.maps ? `row ${place[0]}, column ${place[1]}, map ${map}` : `number ${place[0]}`;
  const source_map = before?.maps && (isRows(before) ? 0 : channel);
  const frame = shown?.place && (before && isRows(before) ? [shown.place[1], 0, shown.place[3], before.shape[1]] : shown.place);
  return html`<${Card} id="arithmetic" title=${`Where a value of ${chosen.layer} comes from`} aside=${html`<span>${where}</span><${Button} kind="plain" aria-label="Close" onClick=${onClose}>✕<//>`}>
    <div class="sum">
      ${layer.maps && html`<div class="zooms">
        ${frame && (before?.maps?.[source_map] || input) && html`<figure><figcaption>Its input: ${before ? `${before.name}${isRows(before) ? "" : `, map ${channel}`}` : "the picture"}.<br />The frame is the window.</figcaption>
          <${Zoom} picture=${before?.maps?.[source_map] ? {h: before.shape[0], w: before.shape[1], c: 1, data: before.maps[source_map]} : input} colour=${before ? "ramp" : "grey"} frame=${frame} /></figure>`}
        <figure><figcaption>${what} of ${chosen.layer}.<br />Click, or use the arrow keys.</figcaption>
          <${Zoom} picture=${{h: layer.shape[0], w: layer.shape[1], c: 1, data: layer.maps[map]}} colour="ramp" frame=${[place[0], place[1], place[0] + 1, place[1] + 1]}
            onPlace=${(y, x) => onChoose({layer: chosen.layer, place: [y, x, ...place.slice(2)]})} label=${`${what} of ${chosen.layer}`} /></figure></div>`}
      ${error && html`<p class="problem">${error}</p>`}
      ${shown && html`<p>${shown.text}</p>
        ${shown.windows.length > 0 && html`<div class="products">${shown.windows.map((window) => html`<${Products} window=${window} many=${shown.windows.length > 1} key=${window.channel} />`)}</div>`}
        ${shown.terms.length > 0 && html`<${Terms} found=${shown} />`}
        ${shown.steps.length > 0 && html`<${Steps} steps=${shown.steps} />`}
        ${shown.total !== null && html`<${Sum} found=${shown} />`}
        ${shown.total === null && shown.value !== null && html`<p class="line" id="sum">value = <b>${number(shown.value)}</b></p>`}`}
    </div><//>`;
}

function Zoom({picture, colour, frame, onPlace, label}) {
  const ref = useRef();
  const scale = Math.max(1, Math.floor(ZOOM / Math.max(picture.w, picture.h)));
  useLayoutEffect(() => paint(ref.current, picture.w, picture.h, picture.c ?? 1, decode(picture.data), colour), [picture.data, colour]);
  const [top, left, bottom, right] = frame;
  const style = {left: `${left * scale - 1}px`, top: `${top * scale - 1}px`, width: `${(right - left) * scale + 2}px`, height: `${(bottom - top) * scale + 2}px`};
  const click = (event) => {
    const box = ref.current.getBoundingClientRect();
    onPlace(clamp(Math.floor(((event.clientY - box.top) * picture.h) / box.height), picture.h), clamp(Math.floor(((event.clientX - box.left) * picture.w) / box.width), picture.w));
  };
  const keys = (event) => {
    const by = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    if (!by) return;
    event.preventDefault();
    onPlace(clamp(top + by[0], picture.h), clamp(left + by[1], picture.w));
  };
  const control = onPlace ? {tabindex: 0, onClick: click, onKeyDown: keys, role: "application", "aria-label": `${label}: row ${top}, column ${left}. Arrow keys move.`} : {};
  return html`<div class="zoom"><canvas class="pixels" ref=${ref} style=${{width: `${picture.w * scale}px`, height: `${picture.h * scale}px`, cursor: onPlace ? "crosshair" : "default"}} ...${control}></canvas>
    <span class="frame" style=${style}></span></div>`;
}

const clamp = (value, end) => Math.max(0, Math.min(end - 1, value));

function Matrix({rows, label, tone}) {
  const most = Math.max(1e-9, ...rows.flat().map((v) => Math.abs(v ?? 0)));
  return html`<table class="matrix" aria-label=${label}><tbody>${rows.map((row) => html`<tr>${row.map((value) => value === null ? html`<td class="edge" title="beyond the edge: counts as 0">edge</td>`
    : html`<td style=${{background: `color-mix(in srgb, ${value < 0 ? "var(--second)" : tone} ${Math.round((42 * Math.abs(value)) / most)}%, var(--sunk))`}}>${number(value, 3)}</td>`)}</tr>`)}</tbody></table>`;
}

function Products({window, many}) {
  return html`<div>${many && html`<h3 style=${{marginBottom: "6px"}}>Channel ${window.channel}</h3>`}<div class="sum-row">
    <${Matrix} rows=${window.inputs} label="window of the input" tone="var(--accent)" />
    ${window.weights.length > 0 && html`<span class="sign">×</span><${Matrix} rows=${window.weights} label="filter" tone="var(--accent)" />
      <span class="sign">=</span><b class="line">${number(window.total)}</b>`}</div></div>`;
}

function Terms({found}) {
  return html`<div class="scroll"><table style=${{maxWidth: "460px"}}><thead><tr><th>Input</th><th class="number">its value</th><th class="number">weight</th><th class="number">product</th></tr></thead>
    <tbody>${found.terms.map(([i, value, weight, product]) => html`<tr><td>number ${i}</td><td class="number">${number(value)}</td><td class="number">${number(weight)}</td><td class="number">${number(product)}</td></tr>`)}
    ${found.others > 0 && html`<tr><td colspan="3">the ${number(found.others)} others together</td><td class="number">${number(found.left)}</td></tr>`}</tbody></table></div>`;
}

function Steps({steps}) {
  return html`<div class="scroll"><table style=${{maxWidth: "620px"}}><tbody>${steps.map(([what, value]) => html`<tr><td>${what}</td><td class="number">${number(value)}</td></tr>`)}</tbody></table></div>`;
}

function Sum({found}) {
  const parts = found.steps.length ? ["products"] : found.windows.map((window) => number(window.total));
  if (found.windows.length && found.others > 0) parts.push(`${number(found.left)} (${found.others} other channels)`);
  if (!found.windows.length) parts.push("products");
  const bias = found.bias === null ? "" : ` + ${number(found.bias)} (bias)`;
  return html`<p class="line" id="sum">${parts.join(" + ")}${bias} = ${number(found.total)}${found.activation ? html` → ${found.activation} → ` : " = "}<b>${number(found.value)}</b></p>`;
}
