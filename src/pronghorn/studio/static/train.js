// Train: the run that goes on, its curves, how it does on the test data, its weights, and other runs beside it.
import {act, ask, epochsOf, loadCurve, store, usePoints} from "./link.js";
import {Button, Card, Empty, Field, Histogram, html, number, percent, Pixels, plural, Segments, useEffect, useRef, useState} from "./parts.js";
import {isOver, STATES} from "./words.js";
import {Curve} from "./charts.js";

const TITLES = {loss: "Loss", accuracy: "Accuracy"};
const title = (name) => TITLES[name] ?? name.replace(/_/g, " ").replace(/^./, (c) => c.toUpperCase());

export function Train({state}) {
  const last = state.runs[state.runs.length - 1];
  const [shown, setShown] = useState(null);
  const [other, setOther] = useState(null);
  const [part, setPart] = useState("results");
  const run = state.runs.find((one) => one.number === shown) ?? last;
  const beside = state.runs.find((one) => one.number === other && one !== run);
  useEffect(() => setShown(null), [last?.number]); // a new run is looked at
  useEffect(() => {
    for (const one of [run, beside]) if (one && one !== last) loadCurve(one.number).catch(() => {}); // the last one's come by themselves
  }, [run?.number, beside?.number]);
  if (!run) {
    return html`<h1 class="hidden">Train</h1><${Card}><${Controls} state=${state} />
      <${Empty}>Nothing has been trained yet. Start, and watch the loss go down: it says how wrong the model still is.<//>
      ${state.graph?.problem && html`<p class="problem" role="alert">The model has a problem: ${state.graph.problem.message}</p>`}<//>`;
  }
  return html`<${Shown} state=${state} run=${run} beside=${beside} part=${part} onPart=${setPart} onShow=${setShown} onBeside=${setOther} />`;
}

function Shown({state, run, beside, part, onPart, onShow, onBeside}) {
  usePoints(() => [run, beside].map((one) => one && `${store.curves.has(one.number)} ${epochsOf(one).length}`).join());
  const curve = store.curves.get(run.number);
  const names = curve?.names.length ? curve.names : Object.keys(epochsOf(run)[0]?.logs ?? {loss: 0}).filter((name) => !name.startsWith("val_"));
  const ordered = ["loss", ...names.filter((name) => name !== "loss")];
  const runs = [{run, colour: "--accent"}, ...(beside ? [{run: beside, colour: "--second"}] : [])];
  return html`<h1 class="hidden">Train</h1>
    <${Card}><${Controls} state=${state} run=${run} /><${Figures} run=${run} names=${ordered} /><//>
    ${run.error && html`<p class="problem" role="alert" style=${{marginTop: "16px"}}>${run.error}</p>`}
    <div class="grid">${ordered.slice(0, 4).map((name) => html`<${Card} key=${name} title=${title(name)}><${Curve} metric=${name} title=${title(name)} runs=${runs} /><//>`)}</div>
    <div style=${{marginTop: "16px"}}><${Segments} label="More about the run" value=${part} onValue=${onPart}
      options=${[["results", "Test data"], ["weights", "Weights"], ["runs", `Runs (${state.runs.length})`]]} /></div>
    <div style=${{marginTop: "12px"}}>
      ${part === "results" && html`<${Results} run=${run} />`}
      ${part === "weights" && html`<${Weights} run=${run} />`}
      ${part === "runs" && html`<${Runs} state=${state} run=${run} beside=${beside} onShow=${onShow} onBeside=${onBeside} />`}
    </div>`;
}

function Controls({state, run}) {
  const [busy, setBusy] = useState("");
  const active = state.runs.find((one) => one.number === state.active);
  const paused = active?.state === "paused";
  const does = (command, args) => async () => {
    setBusy(command);
    await act(command, args);
    setBusy("");
  };
  const blocked = Boolean(state.graph?.problem) || !state.graph;
  const further = run && !active && !state.script_trains && run.has_model;
  return html`<div class="trainbar"><div class="buttons" role="group" aria-label="Training">
    ${!active && !state.script_trains && html`<${Button} kind="main" disabled=${blocked || busy} onClick=${does("start")}>Start<//>`}
    ${active && (paused ? html`<${Button} kind="main" onClick=${does("resume")}>Go on<//>` : html`<${Button} kind="main" onClick=${does("pause")}>Pause<//>`)}
    ${active && html`<${Button} onClick=${does("step")} title="One step, then pause">Step<//>
      <${Button} onClick=${does("stop")}>Stop<//>`}
    ${run && !state.script_trains && html`<${Button} disabled=${blocked || busy} busy=${busy === "restart"} onClick=${does("restart")} title="New weights, from the beginning">Restart<//>`}
    ${further && html`<${Button} disabled=${blocked || busy} onClick=${does("start", {further: true})} title="Begin with the weights of the last run">Train further<//>`}
    </div>
    ${!state.script_trains && !active && state.graph && html`<div class="buttons"><span class="help">
${state.settings.optimizer}, rate ${state.settings.learning_rate}, batch ${state.settings.batch_size}, ${plural(state.settings.epochs, "epoch")}${state.settings.examples ? `, ${plural(state.settings.examples, "training example")}` : ""} (set under Build)</span></div>`}
    ${active && html`<span class="help">Changes under Build count from the next start.</span>`}
  </div>`;
}

const READ = 150; // milliseconds: numbers need not change faster than they are read
function Figures({run, names}) {
  usePoints(() => `${store.curves.get(run.number)?.steps} ${epochsOf(run).length}`, READ);
  const curve = store.curves.get(run.number);
  const ended = epochsOf(run);
  const epoch = ended[ended.length - 1];
  const steps = curve?.steps ?? 0;
  const per = curve?.stepsPerEpoch;
  const total = run.total_epochs;
  const within = per ? steps - (curve.epoch ?? 0) * per : steps;
  const over = isOver(run);
  const share = per && total ? Math.min(1, steps / (per * total)) : over ? 1 : 0;
  const value = (name) => {
    const place = curve ? curve.names.indexOf(name) : -1;
    return place < 0 ? epoch?.logs[name] : curve.smooth[place][curve.smooth[place].length - 1];
  };
  const text = (name, x) => (/accuracy/.test(name) ? percent(x) : number(x));
  return html`<div class="figures" style=${{marginTop: "14px"}}>
    <div class="figure"><span>Epoch</span><b>${steps ? Math.min(total || 1e9, (curve?.epoch ?? 0) + 1) : 0}${total ? ` of ${total}` : ""}</b></div>
    <div class="figure"><span>Step</span><b id="steps">${number(steps)}</b>${per && !over ? html`<span>${number(within)} of ${number(per)} in this epoch</span>` : null}</div>
    ${names.slice(0, 3).map((name) => html`<div class="figure"><span>${title(name)}</span><b>${text(name, value(name))}</b></div>`)}
    ${names.slice(0, 3).filter((name) => Number.isFinite(epoch?.logs[`val_${name}`])).map((name) => html`<div class="figure" data-test=${name}><span>${title(name)} on test data</span><b>${text(name, epoch.logs[`val_${name}`])}</b></div>`)}
    ${epoch ? html`<div class="figure"><span>Time</span><b>${epoch.seconds < 100 ? `${epoch.seconds.toFixed(1)} s` : `${(epoch.seconds / 60).toFixed(1)} min`}</b></div>` : null}
  </div>
  <div class="progress" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(100 * share)}><i style=${{width: `${100 * share}%`}}></i></div>`;
}

// Asks anew when an epoch has ended, but while training goes on no more than every ten seconds: it costs time.
const OFTEN = 10_000;
function useAnswer(command, run) {
  const [answer, setAnswer] = useState({});
  const asked = useRef({at: -OFTEN, run: 0});
  const still = run.state === "paused" || isOver(run);
  const when = `${run.number} ${epochsOf(run).length} ${still} ${run.has_model}`;
  useEffect(() => {
    let wanted = true;
    const now = performance.now();
    if (!still && asked.current.run === run.number && now - asked.current.at < OFTEN) return undefined;
    asked.current = {at: now, run: run.number};
    if (run.has_model) ask(command, {run: run.number}).then((found) => wanted && setAnswer({found}), (error) => wanted && setAnswer({error: error.message}));
    else setAnswer({});
    return () => { wanted = wanted && asked.current.run === run.number; };
  }, [when]);
  return answer;
}

function Results({run}) {
  const {found, error} = useAnswer("results", run);
  const [cell, setCell] = useState(null);
  if (error) return html`<${Card}><${Empty}>${error}<//><//>`;
  if (!found) return html`<${Card}><${Empty}>${run.has_model ? "Looking at the test data …" : "There is no model of this run."}<//><//>`;
  if (found.pairs) return html`<${Card} title="Predicted and true values" aside=${`off by ${number(found.mean_error)} on average`}><${Scatter} pairs=${found.pairs} /><//>`;
  const names = found.classes;
  const worst = cell ? found.worst.filter((one) => one.truth === cell[0] && one.best === cell[1]) : found.worst;
  return html`<div class="grid" style=${{marginTop: 0}}>
    <${Card} title="Confusion matrix" aside=${`${percent(found.right / found.tested)} of ${number(found.tested)} right`}>
      ${names.length <= 30 ? html`<div class="scroll"><${Confusion} matrix=${found.matrix} names=${names} chosen=${cell} onChoose=${setCell} /></div>` : html`<${Empty}>There are too many classes for a table.<//>`}
      <p class="help" style=${{marginTop: "10px"}}>Rows are what is true, columns what the model says. What is off the diagonal is wrong.</p><//>
    <${Card} title="The most wrong" aside=${cell ? html`<span>${names[cell[0]]} taken for ${names[cell[1]]}</span><${Button} kind="plain" onClick=${() => setCell(null)}>Show all<//>` : null}>
      ${worst.length ? html`<div class="thumbs">${worst.map((one) => html`<a class="thumb" style=${{textDecoration: "none"}} href=${`#look`} onClick=${() => { store.example = one.example; }}>
        ${one.image ? html`<${Pixels} picture=${one.image} size=${56} label=${`Example ${one.example}`} />` : html`<span>Row ${one.example}</span>`}
        <span>is <b>${names[one.truth]}</b></span><span>said <b class="bad">${names[one.best]}</b></span><span>${percent(one.sure, 0)} sure</span></a>`)}</div>`
      : html`<${Empty}>${cell ? "None of these is among the most wrong." : "Nothing is wrong."}<//>`}<//>
  </div>`;
}

function Confusion({matrix, names, chosen, onChoose}) {
  const most = Math.max(1, ...matrix.map((row, i) => Math.max(0, ...row.filter((_, j) => j !== i))));
  return html`<table class=${`confusion ${names.length <= 5 ? "few" : ""}`} aria-label="Confusion matrix"><thead><tr><th></th>${names.map((name) => html`<th scope="col" title=${name}>${name}</th>`)}</tr></thead>
    <tbody>${matrix.map((row, i) => {
      const sum = row.reduce((a, b) => a + b, 0) || 1;
      return html`<tr><th scope="row" title=${names[i]}>${names[i]}</th>${row.map((count, j) => {
        const right = i === j;
        const strength = right ? (14 + 40 * (count / sum)) : count ? 10 + 62 * Math.sqrt(count / most) : 0;
        const colour = right ? "var(--good)" : "var(--bad)";
        const style = {background: strength ? `color-mix(in srgb, ${colour} ${strength}%, var(--card))` : "var(--sunk)", cursor: right || !count ? "default" : "pointer",
          outline: chosen && chosen[0] === i && chosen[1] === j ? "2px solid var(--accent)" : "none", color: count ? "inherit" : "var(--faint)"};
        return html`<td style=${style} title=${`${count} of ${sum} ${names[i]} taken for ${names[j]}`} tabindex=${!right && count ? 0 : undefined} role=${!right && count ? "button" : undefined}
          onKeyDown=${(e) => e.key === "Enter" && !right && count && onChoose([i, j])} onClick=${() => !right && count && onChoose([i, j])}>${count || "·"}</td>`;
      })}</tr>`;
    })}</tbody></table>`;
}

function Scatter({pairs}) {
  pairs = pairs.filter((pair) => pair.every(Number.isFinite)); // a model that has diverged says nothing
  const all = pairs.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const at = (v) => 4 + (92 * (v - low)) / (high - low || 1);
  return html`<svg viewBox="0 0 100 100" style=${{width: "100%", maxWidth: "460px", display: "block", margin: "0 auto"}} role="img" aria-label="Predicted by true values">
    <line x1="4" y1="96" x2="96" y2="4" stroke="var(--line-strong)" stroke-width=".5" stroke-dasharray="2 1.5" />
    ${pairs.map(([truth, value]) => html`<circle cx=${at(truth)} cy=${100 - at(value)} r=".8" fill="var(--accent)" fill-opacity=".55" />`)}
  </svg><p class="help" style=${{textAlign: "center"}}>Across: the true value, ${number(low)} to ${number(high)}. Up: the predicted one. On the line both are equal.</p>`;
}

function Weights({run}) {
  const {found, error} = useAnswer("weights", run);
  if (error || !found) return html`<${Card}><${Empty}>${error ?? (run.has_model ? "Looking at the weights …" : "There is no model of this run.")}<//><//>`;
  const dead = new Map(found.dead.map((one) => [one.layer, one]));
  return html`<${Card} title="Weights and gradients, layer by layer"><p class="help" style=${{marginBottom: "14px"}}>How often which value occurs. Gradients say where the
      next step would move the weights; if they are all but 0, the layer learns no more. A unit is dead if it gives 0 whatever it sees.</p>
    ${found.layers.map((layer) => {
      const about = dead.get(layer.layer);
      return html`<div class="layer-block" key=${layer.layer}><div class="layer-head"><h3>${layer.layer}</h3>
        ${about && (about.dead.length ? html`<span class="tag bad">${plural(about.dead.length, `dead ${about.unit}`)} of ${about.of}: ${about.dead.slice(0, 12).join(", ")}${about.dead.length > 12 ? " …" : ""}</span>`
          : html`<span class="tag">no dead ${about.unit}s</span>`)}</div>
        <div class="histograms">${layer.arrays.map((array) => html`
          <${Histogram} data=${array.weights} label=${`${array.name} ${array.shape.join("×")}`} />
          ${array.gradients ? html`<${Histogram} data=${array.gradients} tone="second" label=${`gradient of ${array.name}`} />` : null}`)}</div></div>`;
    })}<//>`;
}

function Runs({state, run, beside, onShow, onBeside}) {
  const [rows, setRows] = useState(null);
  useEffect(() => {
    setRows(null);
    if (beside) ask("compare", {first: run.number, second: beside.number}).then(setRows, () => {});
  }, [run.number, beside?.number]);
  const named = run.settings.metrics[0];
  const metric = Object.keys(epochsOf(run).at(-1)?.logs ?? {}).includes(named) ? named : "loss";
  const best = (one) => {
    const ended = epochsOf(one);
    const last = ended[ended.length - 1];
    return last ? last.logs[`val_${metric}`] ?? last.logs[metric] : undefined;
  };
  const others = state.runs.filter((one) => one !== run);
  return html`<div class="grid" style=${{marginTop: 0}}>
    <${Card} title="Runs"><div class="scroll"><table class="runs"><thead><tr><th>Run</th><th>State</th><th class="number">Epochs</th><th class="number">${title(metric)}</th><th class="number">Time</th></tr></thead>
      <tbody>${[...state.runs].reverse().map((one) => html`<tr class=${one === run ? "chosen" : ""} key=${one.number}>
        <td><${Button} kind="plain" aria-pressed=${one === run} onClick=${() => onShow(one.number)}>${one.name}<//></td><td>${STATES[one.state] ?? one.state}</td>
        <td class="number">${epochsOf(one).at(-1)?.epoch + 1 || 0}</td><td class="number">${/accuracy/.test(metric) ? percent(best(one)) : number(best(one))}</td>
        <td class="number">${one.seconds ? `${one.seconds.toFixed(1)} s` : "–"}</td></tr>`)}</tbody></table></div><//>
    <${Card} title="Beside another">
      ${others.length ? html`<${Field} label=${`Compare ${run.name} with`} kind="choice" value=${beside?.number ?? ""} choices=${[["", "no other run"], ...others.map((one) => [one.number, one.name])]}
        onValue=${(value) => onBeside(value === "" ? null : Number(value))} />` : html`<${Empty}>Change something under Build and start again; then there are two runs to compare.<//>`}
      ${beside && rows && (rows.length ? html`<div class="scroll" style=${{marginTop: "12px"}}><table id="differences"><thead><tr><th>What differs</th><th>${run.name}</th><th>${beside.name}</th></tr></thead>
        <tbody>${rows.map((row) => html`<tr><td>${row.what}</td><td>${row.first}</td><td>${row.second}</td></tr>`)}</tbody></table></div>`
        : html`<p class="help" style=${{marginTop: "12px"}}>Nothing differs in how they were started.</p>`)}<//>
  </div>`;
}
