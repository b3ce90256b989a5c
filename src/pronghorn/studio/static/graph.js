// A model as boxes and arrows, laid out by dagre.
import {Graph as Dagre, layout} from "dagre";
import {classes, html, percent, plural, shape, useLayoutEffect, useMemo, useRef, useState} from "./parts.js";

const WIDTH = 280;
const LETTERS = 31; // of a problem's text, that go into a line of a box, as a first guess

const TONES = [
  [/Input/, "input"], [/Conv/, "conv"], [/Dense|LSTM|GRU|RNN|Embedding|Attention/, "dense"], [/Pool/, "pool"],
  [/Dropout|Normalization|Noise/, "train"], [/^/, "shape"],
];
export const toneOf = (kind) => `tone-${TONES.find(([pattern]) => pattern.test(kind))[1]}`;

function heightOf(box, problem, compact, more) {
  const own = problem?.layer === box.name ? 26 + 19 * Math.ceil(problem.message.length / LETTERS) + more : 0;
  const third = box.parameters || box.share ? (box.share ? 25 : 19) : 0;
  return (compact ? 50 : 58 + third) + own;
}

function place(boxes, arrows, problem, compact, more) {
  const graph = new Dagre();
  graph.setGraph({rankdir: "TB", ranksep: 26, nodesep: 28, marginx: 4, marginy: 4});
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) graph.setNode(box.name, {width: WIDTH, height: heightOf(box, problem, compact, more)});
  // What has no arrows stands in a column.
  const lines = arrows.length ? arrows : boxes.slice(1).map((box, i) => [boxes[i].name, box.name]);
  for (const [from, to] of lines) graph.setEdge(from, to);
  layout(graph);
  return graph;
}

const curve = (points) => points.length < 3
  ? `M${points.map((p) => `${p.x},${p.y}`).join("L")}`
  : `M${points[0].x},${points[0].y} ` + points.slice(1, -1).map((p, i) => {
    const next = points[i + 2];
    const end = i + 3 === points.length ? next : {x: (p.x + next.x) / 2, y: (p.y + next.y) / 2};
    return `Q${p.x},${p.y} ${end.x},${end.y}`;
  }).join(" ");

// Boxes are buttons in the order in which values go; arrow keys move between them, Delete removes.
export function Graph({boxes, arrows, problem, selected, onSelect, onRemove, compact = false, label = "The model's layers"}) {
  const [more, setMore] = useState({of: "", height: 0}); // that a problem's text needs, in this browser's letters
  const height = more.of === problem?.message ? more.height : 0;
  const graph = useMemo(() => place(boxes, arrows, problem, compact, height), [boxes, arrows, problem, compact, height]);
  const holder = useRef();
  useLayoutEffect(() => {
    const box = holder.current.querySelector(".box.wrong");
    const cut = box ? box.scrollHeight - box.clientHeight : 0;
    if (cut > 0) setMore({of: problem.message, height: height + cut});
  }, [problem?.message, height]);
  const size = graph.graph();
  const width = Math.max(WIDTH, size.width || 0);
  const wrong = boxes.findIndex((box) => box.name === problem?.layer);
  const keys = (event) => {
    const all = [...event.currentTarget.querySelectorAll(".box")];
    const here = all.indexOf(document.activeElement);
    if (here < 0) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      all[Math.min(all.length - 1, Math.max(0, here + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    } else if ((event.key === "Delete" || event.key === "Backspace") && onRemove) onRemove(boxes[here].name);
  };
  return html`<div class="graph-scroll"><div class="graph" role="group" aria-label=${label} onKeyDown=${keys} ref=${holder}
      style=${{width: `${width}px`, height: `${size.height || 0}px`}}>
    <svg width=${width} height=${size.height} aria-hidden="true">
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" /></marker></defs>
      ${arrows.length > 0 && graph.edges().map((edge) => html`<path d=${curve(graph.edge(edge).points)} marker-end="url(#tip)" />`)}
    </svg>
    ${boxes.map((box, i) => {
      const node = graph.node(box.name);
      const style = {left: `${node.x - node.width / 2}px`, top: `${node.y - node.height / 2}px`, width: `${node.width}px`, height: `${node.height}px`};
      const isWrong = i === wrong;
      return html`<button type="button" class=${classes("box", toneOf(box.kind), isWrong && "wrong", wrong >= 0 && i > wrong && "unknown")}
          key=${box.name} style=${style} aria-pressed=${box.name === selected} onClick=${() => onSelect(box.name === selected ? null : box.name)}>
        <span class="box-row"><span class="box-name" title=${box.name}>${box.name}</span><span class="box-kind">${box.kind}</span></span>
        ${!compact && html`<span class="box-row box-line"><span>${box.settings || (box.is_input ? "what goes in" : "\u00a0")}</span><span class="box-shape">${box.shape ? shape(box.shape) : ""}</span></span>`}
        ${(compact || box.parameters || box.share) && html`<span class="box-row box-line"><span>${box.parameters ? plural(box.parameters, "parameter") : compact ? "" : "\u00a0"}</span>
          <span>${compact ? box.settings : ""}${box.share ? `${percent(box.share, box.share < 0.1 ? 1 : 0)} of a step` : ""}</span></span>`}
        ${box.share ? html`<span class="share"><i style=${{width: `${Math.min(100, 100 * box.share)}%`}}></i></span>` : null}
        ${isWrong && html`<span class="problem" role="alert">${problem.message}</span>`}
      </button>`;
    })}
  </div></div>`;
}
