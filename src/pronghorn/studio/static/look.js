// Look inside: what the model makes of one input, layer by layer, down to the arithmetic of one value.
import {ask, epochsOf, store, usePoints} from "./link.js";
import {Button, Card, decode, Empty, encode, Field, html, number, paint, percent, Pixels, Segments, useEffect, useLayoutEffect, useRef, useState} from "./parts.js";
import {Camera, middleOf, Pad, readPad} from "./drawing.js";
import {Arithmetic, isRows} from "./arithmetic.js";

const labelOf = (data, label) => (data.classes.length ? data.classes[label] ?? label : number(label));

export function Look({state}) {
  const data = state.data;
  const drawable = data?.kind === "images" && data.shape[2] === 1;
  const [how, setHow] = useState("examples");
  const [source, setSource] = useState(store.example !== undefined ? {example: store.example} : null);
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState("");
  const [features, setFeatures] = useState(null);
  const [clearing, setClearing] = useState(0);
  const last = state.runs[state.runs.length - 1];
  usePoints(() => (last ? epochsOf(last).length : 0));
  const live = useRef({busy: false, next: null, layers: null, looking: false});
  store.example = undefined;

  // Predictions keep up with the pen: one is asked for at a time, always for the newest drawing.
  const look = (next) => {
    const own = live.current;
    own.next = next;
    own.layers = next;
    if (!own.busy) turn();
    if (!own.looking) layers();
  };
  const turn = async () => {
    const own = live.current;
    while (own.next) {
      const now = own.next;
      own.next = null;
      own.busy = true;
      const began = performance.now();
      try {
        const found = await ask("predict", {source: now});
        setAnswer({...found, whole: performance.now() - began});
        setError("");
      } catch (found) {
        setError(found.message);
      }
      own.busy = false;
    }
  };
  const layers = async () => { // they are larger, so they follow a few times a second
    const own = live.current;
    own.looking = true;
    while (own.layers) {
      const now = own.layers;
      own.layers = null;
      try {
        const found = await ask("features", {source: now});
        setSource(now);
        setFeatures(found);
      } catch {
        setSource(now);
        setFeatures(null);
      }
      if (own.layers) await new Promise((resolve) => setTimeout(resolve, 150));
    }
    own.looking = false;
  };
  const when = `${state.in_view} ${last ? epochsOf(last).length : 0} ${JSON.stringify(state.graph?.boxes.map((box) => [box.name, box.shape]))} ${data?.name}`;
  useEffect(() => {
    if (!data) return;
    look(source ?? {example: 0});
  }, [when]);
  if (!data) return html`<${Card}><${Empty}>There is no data to look at the model with. ${state.script_trains ? "Give Studio(validation_data=(x, y)) in the script." : "Choose some under Data."}<//><//>`;
  const options = [["examples", "Test data"], ...(drawable ? [["draw", "Draw"]] : []), ...(data.kind === "images" ? [["camera", "Camera"]] : [])];
  const trained = state.runs.find((run) => run.number === state.in_view);
  return html`<h1 class="hidden">Look inside</h1>
    ${!trained && html`<p class="help" style=${{marginBottom: "12px"}}>The model has not been trained yet, so it guesses. Train it first to see something that makes sense.</p>`}
    <div class="pair">
      <${Card} title="What it sees" aside=${html`<${Segments} label="Input" value=${how} options=${options} onValue=${setHow} />`}>
        ${how === "examples" && html`<${Examples} data=${data} chosen=${source?.example} onChoose=${(example) => look({example})} />`}
        ${how === "draw" && html`<div class="stack"><${Pad} label="Draw a digit" clearing=${clearing} onStroke=${(canvas) => { const next = readPad(canvas); if (next) look(next); }} />
          <div class="buttons" style=${{justifyContent: "center"}}><${Button} onClick=${() => setClearing(clearing + 1)}>Clear<//></div>
          <p class="help">Draw large. The drawing is moved to the middle and made as large as the examples, as those were.</p></div>`}
        ${how === "camera" && html`<${CameraInput} data=${data} onPixels=${(pixels) => look({pixels})} />`}
      <//>
      <${Card} title=${trained ? `What the model of ${trained.name} says` : "What it says"} aside=${answer && html`<span title="In the model, and with the way there and back">${number(answer.ms, 2)} ms (${number(answer.whole, 2)} ms with the way)</span>`}>
        ${error && html`<p class="problem">${error}</p>`}
        ${answer && html`<${Prediction} answer=${answer} data=${data} />`}
        ${answer && source && html`<${Saliency} answer=${answer} source=${source} data=${data} features=${features} />`}
      <//>
    </div>
    ${features && source && html`<${Layers} features=${features} source=${source} input=${answer?.input} />`}`;
}

function Examples({data, chosen, onChoose}) {
  const [label, setLabel] = useState("");
  const [count, setCount] = useState(24);
  const [found, setFound] = useState(null);
  useEffect(() => {
    ask("examples", {count, ...(label === "" ? {} : {label: Number(label)})}).then(setFound, () => setFound(null));
  }, [label, count, data.name]);
  return html`<div class="stack">
    ${data.classes.length > 0 && html`<${Field} label="Which" kind="choice" value=${label} choices=${[["", "all"], ...data.classes.map((name, i) => [i, name])]} onValue=${(value) => { setLabel(value); setCount(24); }} />`}
    <div class="thumbs" style=${{maxHeight: "392px", overflowY: "auto", padding: "2px"}}>${found?.examples.map((one) => html`<button type="button" class="thumb" key=${one.example} aria-pressed=${one.example === chosen}
      aria-label=${`Test example ${one.example}, ${labelOf(data, one.label)}`} onClick=${() => onChoose(one.example)}>
      ${one.image ? html`<${Pixels} picture=${one.image} size=${52} />` : html`<span>Row ${one.example}</span>`}<span>${labelOf(data, one.label)}</span></button>`)}</div>
    ${found && found.of > found.examples.length && count < 200 && html`<div class="buttons"><${Button} onClick=${() => setCount(count + 48)}>More<//></div>`}
  </div>`;
}

function CameraInput({data, onPixels}) {
  const [error, setError] = useState("");
  const timer = useRef(0);
  const [height, width, channels] = data.shape;
  const onVideo = (video) => {
    clearInterval(timer.current);
    if (video) timer.current = setInterval(() => video.videoWidth && onPixels(encode(middleOf(video, height, width, channels))), 150);
  };
  return html`<div class="stack"><${Camera} onVideo=${onVideo} onError=${setError} />${error && html`<p class="problem">${error}</p>`}
    <p class="help">The picture stays on this computer.</p></div>`;
}

function Prediction({answer, data}) {
  const classes = data.classes.length === answer.values.length ? data.classes : null;
  const known = answer.truth !== null && answer.truth !== undefined;
  if (!classes && answer.values.length === 1) return html`<div class="figures"><div class="figure"><span>Predicted value</span><b id="best">${number(answer.values[0])}</b></div>
    ${known && html`<div class="figure"><span>True value</span><b>${number(answer.truth)}</b></div>`}</div>`;
  let order = answer.values.map((value, i) => [value ?? 0, i]);
  if (order.length > 12) order = order.sort((a, b) => b[0] - a[0]).slice(0, 12);
  const name = (i) => classes?.[i] ?? `output ${i}`;
  return html`<div style=${{display: "flex", gap: "22px", flexWrap: "wrap"}}>
    ${answer.input && html`<figure><${Pixels} picture=${answer.input} size=${112} label="The input, as the model gets it" /><figcaption class="help" style=${{marginTop: "5px"}}>as the model gets it</figcaption></figure>`}
    ${answer.output && html`<figure><${Pixels} picture=${answer.output} size=${112} label="What the model makes of it" /><figcaption class="help" style=${{marginTop: "5px"}}>what it makes of it</figcaption></figure>`}
    ${!answer.output && html`<div style=${{flex: "1 1 260px"}}><p style=${{marginBottom: "10px"}}>It says <b id="best">${name(answer.best)}</b>${classes ? html`, and is ${percent(answer.values[answer.best], 0)} sure.` : "."}${classes && known && (answer.truth === answer.best
      ? html` <span class="tag">right</span>` : html` <span class="tag bad">it is ${name(answer.truth)}</span>`)}</p>
    <div class="bars" role="list">${order.map(([value, i]) => html`<div role="listitem" class=${`bar ${i === answer.best ? "best" : ""}`} key=${i}><span title=${name(i)}>${name(i)}</span>
      <i><b style=${{width: `${Math.max(0, Math.min(100, 100 * value))}%`}}></b></i><span>${classes ? percent(value) : number(value)}</span></div>`)}</div></div>`}</div>`;
}

function Saliency({answer, source, data, features}) {
  const [method, setMethod] = useState("");
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setFound(null);
    setError("");
    if (!method) return undefined;
    let wanted = true;
    ask("saliency", {source, method, target: answer.best}).then((result) => wanted && setFound(result), (problem) => wanted && setError(problem.message));
    return () => { wanted = false; };
  }, [method, source, answer.best, features]);
  const target = data.classes[answer.best] ?? "this output";
  const options = [["", "Off"], ["integrated_gradients", "Integrated gradients"], ...(data.kind === "images" ? [["grad_cam", "Grad-CAM"]] : [])];
  return html`<div style=${{marginTop: "18px", paddingTop: "14px", borderTop: "1px solid var(--line)"}}><div class="card-head"><h2>Why?</h2><${Segments} label="Why" value=${method} options=${options} onValue=${setMethod} /></div>
    ${error && html`<p class="problem">${error}</p>`}
    ${!method && html`<p class="help">Which parts of the input the answer rests on.</p>`}
    ${found?.for && html`<div class="sum-row"><${Pixels} picture=${answer.input} size=${140} over=${[{picture: found.for, colour: [255, 150, 40]}, {picture: found.against, colour: [60, 150, 255]}]} label="Pixels for and against" />
      <p class="help" style=${{flex: "1 1 200px"}}>Orange pixels speak for <b>${target}</b>, blue ones against it. Together they add ${number(found.sum, 3)} to what an empty picture gets.</p></div>`}
    ${found?.heat && html`<div class="sum-row"><${Pixels} picture=${answer.input} size=${140} over=${[{picture: found.heat, colour: [255, 120, 40]}]} label="Where the feature maps speak for the answer" />
      <p class="help" style=${{flex: "1 1 200px"}}>The glow shows where the feature maps of <b>${found.layer}</b> speak for <b>${target}</b>.</p></div>`}
    ${found?.parts && html`<div class="bars">${found.parts.map((value, i) => [value, i]).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0])).slice(0, 10).map(([value, i]) => {
      const most = Math.max(...found.parts.map(Math.abs)) || 1;
      return html`<div class="bar"><span title=${data.columns[i]}>${data.columns[i] ?? i}</span><i><b style=${{width: `${(100 * Math.abs(value)) / most}%`, background: value < 0 ? "var(--second)" : "var(--accent)"}}></b></i><span>${number(value, 2)}</span></div>`;
    })}</div>`}</div>`;
}

function Layers({features, source, input}) {
  const [chosen, setChosen] = useState(null); // {layer, place}
  const ref = useRef();
  const choose = (layer, place) => {
    setChosen({layer, place});
    setTimeout(() => {
      ref.current?.scrollIntoView({behavior: "smooth", block: "nearest"});
      ref.current?.querySelector('.zoom [role="application"]')?.focus({preventScroll: true}); // the arrow keys move on it
    }, 80);
  };
  const close = () => {
    const from = ref.current.querySelector('.map[aria-pressed="true"], .cell[aria-pressed="true"]');
    setChosen(null);
    from?.focus();
  };
  return html`<div style=${{marginTop: "16px"}} ref=${ref}>
    ${chosen && features.some((one) => one.name === chosen.layer) && html`<${Arithmetic} features=${features} source=${source} input=${input} chosen=${chosen} onChoose=${setChosen} onClose=${close} />`}
    <${Card} title="Layer by layer"><p class="help" style=${{marginBottom: "14px"}}>What comes out of every layer for this input: dark is the layer's smallest value, bright its largest. Choose a map or a value to
      see the numbers and where they come from.</p>
      ${features.map((layer) => html`<div class="layer-block" key=${layer.name}><div class="layer-head"><h3>${layer.name}</h3><span class="muted">${layer.kind} · ${layer.shape.join(" × ")} · ${number(layer.low, 3)} to ${number(layer.high, 3)}</span></div>
        ${layer.maps ? html`<div class="maps">${layer.maps.map((map, i) => html`<button type="button" class="map" key=${i} aria-label=${isRows(layer) ? `${layer.name}, all values` : `${layer.name}, map ${i}`} aria-pressed=${chosen?.layer === layer.name && (chosen.place[2] ?? 0) === i}
            onClick=${() => choose(layer.name, [Math.floor(layer.shape[0] / 2), Math.floor(layer.shape[1] / 2), ...(isRows(layer) ? [] : [i])])}><${Map} map=${map} shape=${layer.shape} /></button>`)}</div>`
        : layer.values && layer.shape.length === 1 ? html`<${Cells} layer=${layer} chosen=${chosen} onChoose=${choose} />` : html`<p class="help">Its values are not drawn here.</p>`}
      </div>`)}<//></div>`;
}

function Map({map, shape}) {
  const ref = useRef();
  useLayoutEffect(() => paint(ref.current, shape[1], shape[0], 1, decode(map), "ramp"), [map]);
  const rows = shape.length === 2;
  const width = rows ? Math.max(36, Math.min(280, shape[1] * 6)) : Math.max(36, Math.min(64, shape[1] * 2.2));
  const height = rows ? Math.max(12, Math.min(240, shape[0] * 6)) : (width * shape[0]) / shape[1];
  return html`<canvas class="pixels" ref=${ref} style=${{width: `${width}px`, height: `${height}px`}}></canvas>`;
}

function Cells({layer, chosen, onChoose}) {
  const most = Math.max(Math.abs(layer.low), Math.abs(layer.high)) || 1;
  const shown = layer.values.slice(0, 256);
  const keys = (event) => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const next = by && event.target[by > 0 ? "nextElementSibling" : "previousElementSibling"];
    if (next) next.focus();
  };
  return html`<div class="cells" onKeyDown=${keys}>${shown.map((value, i) => {
    const strength = Math.round((100 * Math.abs(value ?? 0)) / most);
    return html`<button type="button" class="cell" key=${i} title=${`${i}: ${number(value)}`} aria-label=${`${layer.name}, value ${i}: ${number(value)}`} tabindex=${i ? -1 : 0} aria-pressed=${chosen?.layer === layer.name && chosen.place[0] === i}
      style=${{background: `color-mix(in srgb, ${value < 0 ? "var(--second)" : "var(--accent)"} ${strength}%, var(--sunk))`}} onClick=${() => onChoose(layer.name, [i])}></button>`;
  })}</div>${layer.shape[0] > shown.length ? html`<p class="help">The first ${shown.length} of ${number(layer.shape[0])}.</p>` : null}`;
}
