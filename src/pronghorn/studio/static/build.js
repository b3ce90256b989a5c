// Build: the model as a graph that can be edited, and how it is trained.
import {act, ask, say} from "./link.js";
import {Button, Card, Dialog, Empty, Field, html, number, useEffect, useRef, useState} from "./parts.js";
import {Graph} from "./graph.js";

export function Build({state}) {
  const [selected, setSelected] = useState(null);
  const [dialog, setDialog] = useState(null);
  const [measuring, setMeasuring] = useState(false);
  const graph = state.graph;
  const box = graph?.boxes.find((one) => one.name === selected);
  const fixed = state.script_trains;
  const measured = graph?.boxes.some((one) => one.share);
  const measure = async (quietly) => {
    setMeasuring(true);
    try {
      await ask("measure");
    } catch (error) {
      if (!quietly) say(error.message);
    }
    setMeasuring(false);
  };
  const tried = useRef(false);
  useEffect(() => { // once, when nothing else goes on: a model's shares of time tell a lot
    const large = graph && (graph.boxes.length > 60 || graph.parameters > 3e6); // takes a while to compile
    if (tried.current || !graph || large || graph.problem || measured || state.active || fixed) return undefined;
    const timer = setTimeout(() => {
      tried.current = true;
      measure(true);
    }, 900);
    return () => clearTimeout(timer);
  }, [graph !== null]);
  if (!graph) {
    return html`<${Card}><${Empty}>${fixed ? "The script's model has code of its own, so it cannot be drawn as a graph. Its training is under Train." : "There is no model yet. Choose data under Data."}<//><//>`;
  }
  const remove = async (name) => {
    await act("edit", {do: "remove", name});
    if (selected === name) setSelected(null);
  };
  const select = (name) => {
    setSelected(name);
    if (name && matchMedia("(max-width: 980px)").matches) {
      setTimeout(() => document.getElementById("layer-card")?.scrollIntoView({behavior: "smooth", block: "start"}), 60);
    }
  };
  return html`<h1 class="hidden">Build</h1><div class="build">
    <${Card} title="Model" aside=${!fixed && html`
        <${Button} kind="plain" disabled=${!state.can_undo} onClick=${() => act("undo")}>Undo<//>
        <${Button} kind="plain" disabled=${!state.can_redo} onClick=${() => act("redo")}>Redo<//>
        <${Button} busy=${measuring} disabled=${measuring || Boolean(graph.problem) || Boolean(state.active)} onClick=${() => measure(false)}
          title="Runs a few steps with a clock around every part">${measuring ? "Measuring …" : "Measure time"}<//>
        <${Button} onClick=${() => setDialog("script")}>Open a script<//>
        <${Button} onClick=${() => setDialog("code")}>Show code<//>`}>
      <div class="facts" style=${{marginBottom: "14px"}}><span><b>${graph.parameters === null ? "?" : number(graph.parameters)}</b> parameters</span>
        <span><b>${graph.boxes.filter((one) => !one.is_input).length}</b> layers</span>
        ${state.data && html`<span>learns from <b>${state.data.name}</b></span>`}
        ${measured && html`<span>bars: share of a training step's time</span>`}</div>
      ${graph.problem && html`<p class=${`problem ${graph.problem.layer ? "narrow" : ""}`} role="alert">${graph.problem.layer && html`<b>${graph.problem.layer}: </b>`}${graph.problem.message}</p>`}
      ${graph.hints.map((hint) => html`<p class="hint">${hint}</p>`)}
      <${Graph} boxes=${graph.boxes} arrows=${graph.arrows} problem=${graph.problem} selected=${selected} onSelect=${select} onRemove=${fixed ? null : remove} />
    <//>
    <div class="side">
      <${LayerCard} box=${box} graph=${graph} kinds=${state.choices.kinds} fixed=${fixed} onRemove=${remove} onAdded=${setSelected} />
      <${SettingsCard} state=${state} />
    </div>
    ${dialog === "code" && html`<${CodeDialog} onClose=${() => setDialog(null)} />`}
    ${dialog === "script" && html`<${ScriptDialog} onClose=${() => setDialog(null)} />`}
  </div>`;
}

function LayerCard({box, graph, kinds, fixed, onRemove, onAdded}) {
  if (!box) {
    return html`<${Card} title="Layer" id="layer-card"><p class="help">Choose a layer to see and change its settings, to add one behind it or to remove it.
      With the keyboard: Tab to a layer, arrows to move, Enter to choose, Delete to remove.</p><//>`;
  }
  const set = (field, value) => act("edit", {do: "set", name: box.name, field, value});
  const problem = graph.problem?.layer === box.name;
  return html`<${Card} title=${box.name} id="layer-card" aside=${html`<span>${box.kind}</span>`}>
    ${box.help && html`<p class="help" style=${{marginBottom: "12px"}}>${box.help}</p>`}
    ${problem && html`<p class="problem" style=${{marginBottom: "12px"}}>${graph.problem.message}</p>`}
    <div class="fields">
      ${box.fields.map((field) => html`<${Field} key=${`${box.name}.${field.name}`} ...${field} disabled=${fixed} onValue=${(value) => set(field.name, value)} />`)}
      ${!box.fields.length && html`<p class="help">${box.is_input ? "It says what one example looks like: its shape comes from the data." : "This layer has no settings to change here."}</p>`}
    </div>
    ${!fixed && html`
      <${AddLayer} after=${box.name} kinds=${kinds} onAdded=${onAdded} />
      ${!box.is_input && html`<div class="buttons" style=${{marginTop: "12px"}}>
        ${graph.sequential && html`<${Button} onClick=${() => act("edit", {do: "move", name: box.name, by: -1})}>Move up<//>
          <${Button} onClick=${() => act("edit", {do: "move", name: box.name, by: 1})}>Move down<//>`}
        <${Button} kind="danger" onClick=${() => onRemove(box.name)}>Remove<//></div>`}`}
  <//>`;
}

function AddLayer({after, kinds, onAdded}) {
  const [kind, setKind] = useState("Conv2D");
  const add = async () => {
    if ((await act("edit", {do: "add", after, kind})) !== undefined) onAdded(null);
  };
  return html`<div style=${{marginTop: "16px", display: "grid", gridTemplateColumns: "1fr auto", gap: "8px", alignItems: "end"}}>
    <${Field} label="Add behind it" kind="choice" value=${kind} choices=${kinds.map((one) => one.kind)} onValue=${setKind} />
    <${Button} onClick=${add}>Add<//>
    <p class="help" style=${{gridColumn: "1 / -1"}}>${kinds.find((one) => one.kind === kind)?.help}</p>
  </div>`;
}

function SettingsCard({state}) {
  const settings = state.settings;
  const fixed = state.script_trains;
  const set = (name) => (value) => act("settings", {[name]: value});
  const optimizers = state.choices.optimizers.includes(settings.optimizer) ? state.choices.optimizers : [settings.optimizer, ...state.choices.optimizers];
  return html`<${Card} title="How it learns"><div class="fields two">
    <${Field} label="Optimizer" kind="choice" value=${settings.optimizer} choices=${optimizers} disabled=${fixed} onValue=${set("optimizer")} />
    <${Field} label="Learning rate" kind="number" value=${settings.learning_rate} disabled=${fixed} onValue=${set("learning_rate")} />
    <${Field} label="Batch" kind="whole" step=${16} value=${settings.batch_size} disabled=${fixed} onValue=${set("batch_size")} />
    <${Field} label="Epochs" kind="whole" value=${settings.epochs} disabled=${fixed} onValue=${set("epochs")} />
    <${Field} label="Training examples" kind="whole" min=${0} step=${1000} value=${settings.examples || "all"} disabled=${fixed}
      onValue=${(value) => act("settings", {examples: value === "all" ? 0 : value})} />
    <${Field} label="Seed" kind="whole" min=${0} value=${settings.seed} disabled=${fixed} onValue=${set("seed")} />
  </div>
  <p class="help" style=${{marginTop: "12px"}}>A step looks at one batch of examples and moves the weights a little, against the error
    (${settings.loss ?? "no loss"}). The rate says how far; an epoch is once through all examples.
    ${Object.keys(settings.options).length ? ` Also set: ${Object.entries(settings.options).map(([k, v]) => `${k}=${v}`).join(", ")}.` : ""}</p>
  ${!fixed && html`<div class="buttons" style=${{marginTop: "12px"}}><${Button} kind="main" disabled=${Boolean(state.active) || Boolean(state.graph.problem)}
    onClick=${async () => { if (await act("start")) location.hash = "train"; }}>Train it<//></div>`}<//>`;
}

function CodeDialog({onClose}) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    ask("code").then(setFound, (problem) => setError(problem.message));
  }, []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(found.code);
      say("Copied.", "note");
    } catch {
      say("The browser does not let the page copy; select the text instead.");
    }
  };
  return html`<${Dialog} title="The Keras script of this model" onClose=${onClose}>
    ${error ? html`<p class="problem">${error}</p>` : html`<pre class="code" tabindex="0">${found?.code ?? "…"}</pre>
    <div class="buttons" style=${{marginTop: "12px"}}><${Button} kind="main" disabled=${!found} onClick=${copy}>Copy<//>
      ${found && (found.problem ? html`<span class="problem">It does not run yet. ${found.problem}</span>`
        : html`<span class="help">It runs with Keras, and with <code>pronghorn run</code>.</span>`)}</div>`}<//>`;
}

function ScriptDialog({onClose}) {
  const [text, setText] = useState("");
  const [name, setName] = useState("script.py");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const read = async (file) => {
    setName(file.name);
    setText(await file.text());
  };
  const open = async () => {
    setBusy(true);
    setError("");
    try {
      const found = await ask("script", {source: text, name});
      onClose();
      if (found.without_data) say(found.without_data);
    } catch (found) {
      setError(found.message);
    }
    setBusy(false);
  };
  return html`<${Dialog} title="Open a Keras script" onClose=${onClose}><div class="stack">
    <p>The script is <b>run on this computer</b>, in a process of its own, until it calls <code>fit()</code>; the model, and the data it
      would have trained on, are then here. Open only scripts that you would run yourself.</p>
    <input type="file" accept=".py" aria-label="A script" onChange=${(e) => e.target.files[0] && read(e.target.files[0])} />
    <textarea rows="12" aria-label="The script" spellcheck="false" placeholder="… or paste it here" value=${text} onInput=${(e) => setText(e.target.value)}></textarea>
    ${error && html`<p class="problem" role="alert">${error}</p>`}
    <div class="buttons"><${Button} kind="main" busy=${busy} disabled=${busy || !text.trim()} onClick=${open}>${busy ? "Running it …" : "Run it up to fit()"}<//></div>
  </div><//>`;
}
