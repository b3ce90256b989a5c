// Open a file: what is in a model's or a weights file; nothing of it is run.
import {act, ask, upload} from "./link.js";
import {Button, bytes, Card, Empty, Histogram, html, number, plural, useEffect, useMemo, useState} from "./parts.js";
import {Graph} from "./graph.js";

export function File({state}) {
  const file = state.file;
  const [selected, setSelected] = useState(null);
  return html`<h1 class="hidden">Open a file</h1>
    <${Opener} small=${Boolean(file)} />
    ${file && html`<${Card} title=${file.name} aside=${file.is_model && !state.script_trains ? html`<${Button} onClick=${async () => { if ((await act("use_file")) !== undefined) location.hash = "build"; }}>Build with this model<//>` : null}>
      <table><tbody><tr><th scope="row">format</th><td>${file.format}, ${bytes(file.nbytes)}</td></tr>
        ${file.facts.map(([key, value]) => html`<tr><th scope="row">${key}</th><td>${value}</td></tr>`)}
        <tr><th scope="row">parameters</th><td>${number(file.parameters)}</td></tr>
        ${file.optimizer ? html`<tr><th scope="row">optimizer's state</th><td>${plural(file.optimizer, "number")}</td></tr>` : null}</tbody></table><//>
    <div class="grid">
      <${Card} title="Layers"><${FileGraph} file=${file} selected=${selected} onSelect=${setSelected} /><//>
      <${Card} kind="sticky" title=${selected ? `Weights of ${selected}` : "Weights"}><${LayerArrays} file=${file} layer=${file.layers.find((one) => one.name === selected)} /><//></div>`}`;
}

function Opener({small}) {
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(false);
  const [error, setError] = useState("");
  const read = async (file) => {
    setBusy(true);
    setError("");
    try {
      await upload("file", file.name, file);
    } catch (problem) {
      setError(problem.message);
    }
    setBusy(false);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
  };
  return html`<${Card} title=${small ? "Open another file" : "Open a file"}><div class="stack"><label class=${`drop ${over ? "over" : ""}`} onDragOver=${(e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <span>${busy ? "Reading …" : "Drop a file here, or choose one: .keras, .h5, .weights.h5 or .safetensors"}</span>
      <input type="file" accept=".keras,.h5,.hdf5,.safetensors" aria-label="A model's or weights file" disabled=${busy} onChange=${(e) => e.target.files[0] && read(e.target.files[0])} /></label>
    ${!small && html`<p class="help">The file is read as data. Nothing in it is run, so a file from a stranger may be opened too.</p>`}
    ${error && html`<p class="problem" role="alert">${error}</p>`}</div><//>`;
}

function FileGraph({file, selected, onSelect}) {
  const {shown, boxes, arrows} = useMemo(() => asGraph(file), [file]);
  if (!shown.length) return html`<${Empty}>The file has no layers.<//>`;
  return html`<${Graph} boxes=${boxes} arrows=${arrows} compact=${!file.is_model} selected=${selected} onSelect=${onSelect} label="The file's layers" />
    ${file.layers.length > shown.length ? html`<p class="help">The first ${shown.length} of ${number(file.layers.length)} layers.</p>` : null}`;
}

function asGraph(file) {
  const shown = file.layers.slice(0, 400);
  const names = new Set(shown.map((layer) => layer.name));
  const boxes = shown.map((layer) => ({name: layer.name, kind: layer.kind, settings: layer.kind ? layer.settings : plain(layer), shape: null, parameters: layer.parameters}));
  return {shown, boxes, arrows: file.arrows.filter(([a, b]) => names.has(a) && names.has(b))};
}
const named = (name) => (/^\d+$/.test(name) ? `array ${name}` : name); // Keras 3 numbers a layer's arrays
const plain = (layer) => plural(layer.arrays.length, "array");

function LayerArrays({file, layer}) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setFound(null);
    setError("");
    let wanted = true;
    if (layer?.arrays.length) ask("file_layer", {layer: layer.name}).then((result) => wanted && setFound(result), (problem) => wanted && setError(problem.message));
    return () => { wanted = false; };
  }, [file.name, layer?.name]);
  if (!layer) return html`<${Empty}>Choose a layer to see its weights.<//>`;
  if (!layer.arrays.length) return html`<${Empty}>This layer has no weights.<//>`;
  return html`<div class="scroll"><table><thead><tr><th>Array</th><th>Shape</th><th>Type</th></tr></thead><tbody>${layer.arrays.slice(0, 60).map((array) => html`<tr><td style=${{overflowWrap: "anywhere"}}>${named(array.name)}</td><td>${array.shape.join(" × ") || "one number"}</td><td>${array.dtype}</td></tr>`)}</tbody></table></div>
    ${error && html`<p class="problem">${error}</p>`}
    ${found && html`<div class="histograms" style=${{marginTop: "14px"}}>${found.map((array) => html`<${Histogram} key=${array.name} data=${array} label=${`${named(array.name)}, ${array.shape.join("×")}`} />`)}</div>`}`;
}
