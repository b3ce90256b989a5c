// Data: the package's data sets, folders of images, tables, and classes that are drawn or shown to the camera.
import {act, say, upload} from "./link.js";
import {Button, Card, encode, Field, html, number, Pixels, plural, Segments, useEffect, useRef, useState} from "./parts.js";
import {Camera, middleOf, Pad, SENT} from "./drawing.js";

const sizeOf = (data) => data.shape.length ? data.shape.join(" × ") : Object.entries(data.inputs).map(([name, dims]) => `${name}: ${dims.join(" × ") || "1"}`).join(", ") || "one number";

export function Data({state}) {
  const data = state.data;
  const fixed = state.script_trains;
  return html`<h1 class="hidden">Data</h1>
    ${data && html`<${Card} title="Now in use"><div class="facts"><span><b>${data.name}</b></span><span><b>${number(data.train)}</b> to learn from</span><span><b>${number(data.test)}</b> to test with</span>
      <span>${data.kind === "table" ? html`<b>${plural(data.shape[0], "number")}</b> a row` : html`one is <b>${sizeOf(data)}</b>`}</span>${data.classes.length > 0 && html`<span><b>${plural(data.classes.length, "class", "classes")}</b>: ${data.classes.slice(0, 12).join(", ")}${data.classes.length > 12 ? " …" : ""}</span>`}</div>
      ${data.note && html`<p class="help" style=${{marginTop: "8px"}}>${data.note}</p>`}
      ${state.table && html`<div style=${{maxWidth: "320px", marginTop: "12px"}}><${Field} label="Column to predict" kind="choice" value=${state.table.target} choices=${state.table.columns} onValue=${(column) => act("target", {column})} /></div>`}<//>`}
    ${fixed ? html`<${Card}><p class="help">The data is the script's.</p><//>` : html`
    <${Packaged} state=${state} />
    <div class="grid"><${Folder} inUse=${data?.name} /><${Table} inUse=${data?.name} /></div>
    <${Collect} />`}`;
}

function Packaged({state}) {
  const [busy, setBusy] = useState("");
  const choose = async (name) => {
    setBusy(name);
    await act("data", {name});
    setBusy("");
  };
  return html`<${Card} title="Data sets of the package"><div class="choices">${state.choices.data.map((one) => html`<button type="button" class="choice" key=${one.name}
    aria-pressed=${state.data?.name === one.title} aria-busy=${busy === one.name} disabled=${Boolean(busy)} onClick=${() => choose(one.name)}><b>${one.title}</b><span>${busy === one.name ? "Loading …" : `${one.note}${one.download ? " Downloaded once." : ""}`}</span></button>`)}</div><//>`;
}

// -- images ------------------------------------------------------------------------------------------------------------
async function sendImages(name, classes, labels, images, height, width, channels, drawn = false) {
  const head = new TextEncoder().encode(JSON.stringify({name, classes, labels, drawn, shape: [images.length, height, width, channels]}));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length, true);
  await upload("images", name, new Blob([length, head, ...images]));
}

function Folder({inUse}) {
  const [side, setSide] = useState(32);
  const [colour, setColour] = useState("3");
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  useEffect(() => setError(""), [inUse]);
  const read = async (files) => {
    setError("");
    const found = [...files].filter((file) => /\.(png|jpe?g|gif|bmp|webp)$/i.test(file.name)).map((file) => ({file, parts: file.webkitRelativePath.split("/")}));
    const classes = [...new Set(found.map(({parts}) => parts[parts.length - 2] ?? ""))].sort();
    const channels = Number(colour);
    const images = [];
    const labels = [];
    const unread = [];
    try {
      for (const {file, parts} of found) {
        if (images.length % 25 === 0) setBusy(`${images.length} of ${found.length} images`);
        try {
          const bitmap = await createImageBitmap(file);
          images.push(middleOf(bitmap, side, side, channels));
          labels.push(classes.indexOf(parts[parts.length - 2] ?? ""));
        } catch {
          unread.push(file.name);
        }
      }
      await sendImages(found[0]?.parts[0] || "Images", classes, labels, images, side, side, channels);
      say(`${plural(images.length, "image")} of ${plural(classes.length, "class", "classes")}.${unread.length ? ` ${plural(unread.length, "file")} could not be read: ${unread.slice(0, 3).join(", ")}${unread.length > 3 ? " …" : ""}.` : ""}`, "note");
    } catch (problem) {
      setError(problem.message);
    }
    setBusy("");
  };
  return html`<${Card} title="A folder of images"><div class="stack"><p class="help">One folder for each class inside it, such as <code>pets/cat/</code> and <code>pets/dog/</code>. The pictures are cut to squares and made small.</p>
    <div class="fields two"><${Field} label="Side, in pixels" kind="choice" value=${side} choices=${[28, 32, 48, 64, 96, 128]} onValue=${(value) => setSide(Number(value))} />
      <${Field} label="Colour" kind="choice" value=${colour} choices=${[["3", "colour"], ["1", "grey"]]} onValue=${setColour} /></div>
    <label class="drop"><span>${busy ? `Reading ${busy} …` : "Choose the folder"}</span><input type="file" webkitdirectory multiple aria-label="Folder of images" disabled=${Boolean(busy)} onChange=${(e) => e.target.files.length && read(e.target.files)} /></label>
    ${error && html`<p class="problem" role="alert">${error}</p>`}</div><//>`;
}

function Table({inUse}) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => setError(""), [inUse]);
  const read = async (file) => {
    setBusy(true);
    setError("");
    try {
      await upload("table", file.name, file);
      say(`${file.name} is in use.`, "note");
    } catch (problem) {
      setError(problem.message);
    }
    setBusy(false);
  };
  return html`<${Card} title="A table (CSV)"><div class="stack"><p class="help">The first line names the columns. The last column is what is predicted, until you choose another one above. Numbers are brought to one scale, words become columns.</p>
    <label class="drop"><span>${busy ? "Reading …" : "Choose the file"}</span><input type="file" accept=".csv,.tsv,.txt" aria-label="CSV file" disabled=${busy} onChange=${(e) => e.target.files[0] && read(e.target.files[0])} /></label>
    ${error && html`<p class="problem" role="alert">${error}</p>`}</div><//>`;
}

// Classes of one's own: drawings or pictures of the camera, a few dozen each.
function Collect() {
  const [how, setHow] = useState("draw");
  const [classes, setClasses] = useState([{name: "first", shots: []}, {name: "second", shots: []}]);
  const [current, setCurrent] = useState(0);
  const [clearing, setClearing] = useState(0);
  const [error, setError] = useState("");
  const pad = useRef(null);
  const video = useRef(null);
  const timer = useRef(0);
  const side = how === "draw" ? SENT : 32;
  const channels = how === "draw" ? 1 : 3;
  const change = (i, part) => setClasses((all) => all.map((one, j) => (j === i ? {...one, ...(typeof part === "function" ? part(one) : part)} : one)));
  const add = (pixels) => change(current, (one) => ({shots: [...one.shots, pixels]}));
  const takeDrawing = () => {
    if (!pad.current) return;
    add(middleOf(pad.current, side, side, channels));
    pad.current = null;
    setClearing(clearing + 1);
  };
  const takePicture = () => video.current?.videoWidth && add(middleOf(video.current, side, side, channels));
  const hold = (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    takePicture();
    timer.current = setInterval(takePicture, 120);
  };
  const release = () => clearInterval(timer.current);
  const use = async () => {
    setError("");
    try {
      const labels = classes.flatMap((one, i) => one.shots.map(() => i));
      await sendImages(how === "draw" ? "Drawings" : "Camera pictures", classes.map((one) => one.name), labels, classes.flatMap((one) => one.shots), side, side, channels, how === "draw");
      say("Your classes are in use. Train a model on them under Train.", "note");
    } catch (problem) {
      setError(problem.message);
    }
  };
  const start = (next) => {
    setHow(next);
    setClasses((all) => all.map((one) => ({...one, shots: []})));
  };
  return html`<${Card} title="Classes of your own" aside=${html`<${Segments} label="How" value=${how} options=${[["draw", "Draw them"], ["camera", "Camera"]]} onValue=${start} />`}>
    <div class="pair"><div class="stack">
      ${how === "draw" ? html`<${Pad} clearing=${clearing} label=${`Draw a ${classes[current].name}`} onStroke=${(canvas) => { pad.current = canvas; }} />
        <div class="buttons" style=${{justifyContent: "center"}}><${Button} kind="main" onClick=${takeDrawing}>Add to “${classes[current].name}”<//><${Button} onClick=${() => setClearing(clearing + 1)}>Clear<//></div>`
      : html`<${Camera} onVideo=${(found) => { video.current = found; }} onError=${setError} />
        <div class="buttons" style=${{justifyContent: "center"}}><${Button} kind="main" onPointerDown=${hold} onPointerUp=${release} onPointerCancel=${release} onKeyDown=${(e) => (e.key === "Enter" || e.key === " ") && takePicture()}>Hold to add to “${classes[current].name}”<//></div>`}
      <p class="help">${how === "draw" ? "Ten or more drawings of each class are a beginning; draw them differently. They are moved to the middle and made the same size." : "Some fifty pictures of each class; move while you hold the button. They stay on this computer."}</p></div>
    <div class="stack">${classes.map((one, i) => html`<div class="class-row" key=${i} aria-current=${i === current}>
        <input type="text" aria-label=${`Name of class ${i + 1}`} value=${one.name} onInput=${(e) => change(i, {name: e.target.value})} onFocus=${() => setCurrent(i)} />
        <div class="buttons">${i !== current ? html`<${Button} onClick=${() => setCurrent(i)}>Choose<//>` : null}${classes.length > 2 ? html`<${Button} kind="plain" aria-label=${`Remove ${one.name}`} onClick=${() => { setClasses(classes.filter((_, j) => j !== i)); setCurrent(0); }}>✕<//>` : null}</div>
        <div class="shots">${one.shots.slice(-14).map((shot) => html`<${Pixels} picture=${{h: side, w: side, c: channels, data: encode(shot)}} size=${30} />`)}<span class="help">${plural(one.shots.length, how === "draw" ? "drawing" : "picture")}</span></div></div>`)}
      <div class="buttons"><${Button} onClick=${() => { setClasses([...classes, {name: `class ${classes.length + 1}`, shots: []}]); setCurrent(classes.length); }}>Another class<//>
        <${Button} kind="main" disabled=${classes.some((one) => one.shots.length < 2)} onClick=${use}>Use these classes<//></div>
      ${error && html`<p class="problem" role="alert">${error}</p>`}</div></div><//>`;
}
