// The page's link to the studio: the state and the points of runs come as server-sent events, commands go out by a
// WebSocket. Whatever a component shows of them it takes from `store`.
import {useEffect, useRef, useState} from "preact/hooks";

export const store = {
  state: null, // what the server has, as its last event told
  online: true,
  curves: new Map(), // by number of the run: {names, x, columns, smooth, epochs, ...}
  version: 0, // grows with every point
  message: null, // {text, kind}
};
const listeners = new Set();
let told = 0;

export function tell() {
  told++;
  for (const listener of [...listeners]) listener();
}

export function useStore() {
  const [, again] = useState(0);
  const rendered = told;
  useEffect(() => {
    const listener = () => again((n) => n + 1);
    listeners.add(listener);
    if (told !== rendered) listener(); // effects come after the frame: the state may have come meanwhile, and no other may follow
    return () => listeners.delete(listener);
  }, []);
  return store;
}

// Points come many times a second, so that only what shows something of them is rendered again, and only where `select`
// gives something else than before; at most every `pause` milliseconds, the last point never left out.
const pointListeners = new Set();

export function usePoints(select, pause = 0) {
  const latest = useRef(select);
  latest.current = select;
  const [value, set] = useState(select());
  useEffect(() => {
    let timer = 0;
    let earliest = 0;
    const take = () => {
      timer = 0;
      earliest = performance.now() + pause;
      set(latest.current());
    };
    const listener = () => {
      const wait = earliest - performance.now();
      if (wait <= 0) take();
      else timer ||= setTimeout(take, wait);
    };
    pointListeners.add(listener);
    listener();
    return () => {
      clearTimeout(timer);
      pointListeners.delete(listener);
    };
  }, []);
  return value;
}

// Calls back in frames in which new points are to be drawn; gives what ends that.
export function onPoints(listener) {
  pointListeners.add(listener);
  drawSoon();
  return () => pointListeners.delete(listener);
}

// Drawing takes processors from the training, so it gets a share of them: what a frame has taken, until the browser was
// done with it, is waited for some times as long before the next. A page that nobody sees has no frames.
const SHARE = 0.03 * (navigator.hardwareConcurrency || 2);
let isDue = false;
let earliest = 0;
let began = 0;
const afterFrame = new MessageChannel();
afterFrame.port1.onmessage = () => {
  earliest = began + Math.min(300, (performance.now() - began) / SHARE);
};

function drawSoon() {
  if (isDue) return;
  isDue = true;
  setTimeout(() => requestAnimationFrame(drawNow), Math.max(0, earliest - performance.now()));
}

function drawNow() {
  isDue = false;
  began = performance.now();
  for (const listener of [...pointListeners]) listener(began);
  afterFrame.port2.postMessage(null);
}

let messageTimer = 0;
export function say(text, kind = "error") {
  store.message = text ? {text, kind} : null;
  clearTimeout(messageTimer);
  if (text) messageTimer = setTimeout(() => say(null), kind === "error" ? 9000 : 4000);
  tell();
}

// -- events ------------------------------------------------------------------------------------------------------------
let source = null;

export function connect() {
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("open", () => setOnline(true));
  source.addEventListener("state", (event) => {
    store.state = JSON.parse(event.data);
    setOnline(true);
    tell();
    goOn(store.state.version);
  });
  source.addEventListener("points", (event) => {
    takePoints(JSON.parse(event.data));
  });
  source.addEventListener("bye", lost);
  source.addEventListener("error", lost);
}

function lost() {
  setOnline(false);
  source.close();
  goOn(Infinity);
  clearTimeout(retry);
  retry = setTimeout(connect, 1500);
}

// A page that nobody sees lets its connection go after a while: browsers keep but six to one server.
let retry = 0;
let leaving = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (document.hidden) {
    leaving = setTimeout(() => {
      clearTimeout(retry);
      source.close();
      goOn(Infinity);
    }, 20_000);
  } else if (source.readyState === EventSource.CLOSED) {
    connect();
  }
});

// The state that a command makes may come later than its answer. What waits for it goes on when it, or a newer one, has
// come, or none comes any more.
const waits = new Set();

function known(version) {
  if (store.state?.version >= version || source.readyState === EventSource.CLOSED) return Promise.resolve();
  return new Promise((resolve) => waits.add({version, resolve}));
}

function goOn(version) {
  for (const one of [...waits]) {
    if (one.version > version) continue;
    waits.delete(one);
    one.resolve();
  }
}

function setOnline(online) {
  if (store.online !== online) {
    store.online = online;
    tell();
  }
}

const LONGEST = 20; // steps that the smoothed curve's mean reaches back; fewer at the beginning, so that it does not lag

export function takePoints(message) {
  let curve = store.curves.get(message.run);
  if (curve && message.from < curve.steps && message.next <= curve.steps && message.next_epoch <= curve.epochs.length) return; // known already
  if (curve && message.from > curve.steps) { // something was missed
    store.curves.delete(message.run);
    loadCurve(message.run).catch(() => {});
    return;
  }
  if (!curve || message.from === 0) {
    curve = {names: message.names, x: [], columns: message.names.map(() => []), smooth: message.names.map(() => []),
      sums: message.names.map(() => [0, 0]), epochs: []};
    store.curves.set(message.run, curve);
  }
  for (const row of message.rows) {
    curve.x.push(row[0] + 1);
    for (let i = 0; i < curve.names.length; i++) {
      const value = row[i + 1];
      curve.columns[i].push(value);
      const sum = curve.sums[i];
      if (value !== null && Number.isFinite(value)) {
        const kept = 1 - 1 / Math.max(2, Math.min(LONGEST, curve.x.length / 20));
        sum[0] = kept * sum[0] + value;
        sum[1] = kept * sum[1] + 1;
      }
      curve.smooth[i].push(sum[1] ? sum[0] / sum[1] : null);
    }
  }
  curve.epochs.push(...message.epochs);
  curve.epoch = message.epoch;
  curve.steps = message.next;
  curve.stepsPerEpoch = message.steps_per_epoch;
  curve.totalEpochs = message.total_epochs;
  store.version++;
  drawSoon();
}

// The epochs of a run that have ended, as far as they have come.
export const epochsOf = (run) => store.curves.get(run.number)?.epochs ?? (run.last ? [run.last] : []);

export async function loadCurve(run) {
  if (!store.curves.has(run)) takePoints(await ask("points", {run}));
}

// -- commands ----------------------------------------------------------------------------------------------------------
let socket = null;
let nextId = 1;
const waiting = new Map();

function openSocket() {
  if (socket && socket.readyState <= 1) return socket;
  socket = new WebSocket(`ws://${location.host}/socket`);
  const own = socket;
  own.addEventListener("message", (event) => {
    const answer = JSON.parse(event.data);
    const pending = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (!pending) return;
    if (answer.error !== undefined) pending.reject(new Error(answer.error));
    else pending.resolve(answer);
  });
  own.addEventListener("close", () => {
    for (const [id, pending] of waiting) {
      if (pending.socket === own) {
        waiting.delete(id);
        pending.reject(new Error("The studio has stopped."));
      }
    }
  });
  return own;
}

function send(command, args) {
  return new Promise((resolve, reject) => {
    const own = openSocket();
    const id = nextId++;
    waiting.set(id, {resolve, reject, socket: own});
    const text = JSON.stringify({id, do: command, with: args});
    if (own.readyState === 1) own.send(text);
    else own.addEventListener("open", () => own.send(text), {once: true});
  });
}

// Ask the studio something; the promise gives its answer, or is rejected with what was wrong.
export const ask = async (command, args = {}) => (await send(command, args)).result;

// Have the studio change something. When the promise gives its answer `store.state` has the change; an error is shown.
export async function act(command, args = {}) {
  try {
    const answer = await send(command, args);
    await known(answer.version);
    return answer.result;
  } catch (error) {
    say(error.message);
    return undefined;
  }
}

export async function upload(kind, name, body) {
  let response;
  try {
    response = await fetch(`/upload/${kind}?name=${encodeURIComponent(name)}`, {method: "POST", body});
  } catch {
    throw new Error("The studio has stopped.");
  }
  const answer = await response.json();
  if (answer.error) {
    say(null); // what was said of another file
    throw new Error(answer.error);
  }
}
