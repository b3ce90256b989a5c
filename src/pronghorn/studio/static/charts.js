// Curves of one or two runs, drawn by uPlot, when something is new and it is time (link.js).
import {html, useEffect, useRef} from "./parts.js";
import {epochsOf, onPoints, store} from "./link.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const MOST = 3000; // points of a curve that are drawn
export const frames = {count: 0, worst: 0, total: 0, at: []}; // what drawing has taken, in milliseconds

function thinned(x, values) {
  const stride = Math.ceil(x.length / MOST);
  if (stride <= 1) return [x, values];
  const pick = (array) => {
    const out = [];
    for (let i = 0; i < array.length; i += stride) out.push(array[i]);
    if ((array.length - 1) % stride) out.push(array[array.length - 1]);
    return out;
  };
  return [pick(x), pick(values)];
}

// The tables of a metric: for each run the value of every step, the same smoothed, and the validation's of every epoch.
function tables(metric, runs) {
  return runs.flatMap(({run}) => {
    const curve = store.curves.get(run.number);
    const place = curve ? curve.names.indexOf(metric) : -1;
    const [x, raw] = place < 0 ? [[], []] : thinned(curve.x, curve.columns[place]);
    const smooth = place < 0 ? [] : thinned(curve.x, curve.smooth[place])[1];
    const epochs = epochsOf(run).filter((epoch) => Number.isFinite(epoch.logs[`val_${metric}`]));
    return [[x, raw, smooth], [epochs.map((epoch) => epoch.step), epochs.map((epoch) => epoch.logs[`val_${metric}`])]];
  });
}

function seriesOf(runs) {
  return runs.flatMap(({colour}) => {
    const stroke = css(colour);
    return [
      {stroke: `color-mix(in srgb, ${stroke} 28%, transparent)`, width: 1, points: {show: false}, spanGaps: true},
      {stroke, width: 2, points: {show: false}, spanGaps: true},
      {stroke, width: 1.5, dash: [3, 4], spanGaps: true, points: {show: true, size: 7, fill: css("--card"), stroke, width: 2}},
    ];
  });
}

export function Curve({metric, title, runs}) {
  const holder = useRef();
  const latest = useRef(runs);
  latest.current = runs;
  const key = runs.map(({run}) => run.number).join(",");
  useEffect(() => {
    const element = holder.current;
    let plot = null;
    let drawn = "";
    const make = () => {
      plot?.destroy();
      const axis = {stroke: css("--faint"), grid: {stroke: css("--line"), width: 1}, ticks: {show: false}, font: "12px system-ui", size: 44};
      plot = new uPlot({
        width: element.clientWidth || 400, height: 260, padding: [10, 18, 0, 0], legend: {show: false}, cursor: {points: {size: 6}, drag: {x: true, y: false}},
        scales: {x: {time: false}, y: {range: (_, low, high) => range(metric, low, high)}},
        axes: [{...axis, size: 30, values: (_, ticks) => ticks.map((tick) => (tick % 1 ? "" : tick.toLocaleString("en")))}, {...axis, size: 52}],
        series: [{}, ...seriesOf(latest.current)],
      }, uPlot.join(tables(metric, latest.current)), element);
      drawn = "";
    };
    const draw = (now) => {
      const state = String(store.version);
      frames.at.push(now);
      if (frames.at.length > 600) frames.at.shift();
      if (state === drawn || !element.clientWidth) return;
      const began = performance.now();
      plot.setData(uPlot.join(tables(metric, latest.current)));
      drawn = state;
      const took = performance.now() - began;
      frames.count++;
      frames.total += took;
      frames.worst = Math.max(frames.worst, took);
    };
    const size = new ResizeObserver(() => plot && element.clientWidth && plot.setSize({width: element.clientWidth, height: 260}));
    make();
    size.observe(element);
    addEventListener("theme", make);
    const forget = onPoints(draw);
    return () => {
      forget();
      removeEventListener("theme", make);
      size.disconnect();
      plot.destroy();
    };
  }, [metric, key]);
  return html`<div><div class="chart" ref=${holder} role="img" aria-label=${`${title} by step`}></div>
    <div class="legend">${runs.map(({run, colour}) => html`<span><i style=${{borderColor: `var(${colour})`}}></i>${run.name}, training</span>
      <span><i class="dots" style=${{borderColor: `var(${colour})`}}></i>${run.name}, test data</span>`)}
      <span class="across">Across: steps, of a batch each</span></div></div>`;
}

function range(metric, low, high) {
  if (low === null || low === undefined || !Number.isFinite(low)) return [0, 1];
  if (/accuracy|auc|precision|recall/.test(metric)) return [Math.max(0, Math.min(low - 0.02, 0.9)), Math.min(1, high + 0.02)];
  const space = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 ? Math.max(0, low - space) : low - space, high + space];
}
window.studioFrames = frames;
