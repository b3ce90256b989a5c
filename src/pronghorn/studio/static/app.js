// The page: the frame around the views, and which of them is shown.
import {render} from "preact";
import {html, useEffect, useErrorBoundary, useRef, useState} from "./parts.js";
import {connect, say, useStore} from "./link.js";
import {Build} from "./build.js";
import {Train} from "./train.js";
import {Look} from "./look.js";
import {Data} from "./data.js";
import {File} from "./file.js";
import {STATES} from "./words.js";

const VIEWS = [["build", "Build", Build], ["train", "Train", Train], ["look", "Look inside", Look], ["data", "Data", Data], ["file", "File", File]];
const THEMES = {auto: "◐", light: "☀", dark: "☾"};

function useHash(state) {
  const read = () => location.hash.slice(1);
  const [hash, setHash] = useState(read());
  useEffect(() => {
    const listen = () => setHash(read());
    addEventListener("hashchange", listen);
    listen();
    return () => removeEventListener("hashchange", listen);
  }, []);
  if (VIEWS.some(([name]) => name === hash)) return hash;
  return state?.file ? "file" : state?.script_trains ? "train" : "build";
}

function useTheme() {
  const [theme, setTheme] = useState(localStorage.getItem("studio-theme") ?? "auto");
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
      dispatchEvent(new Event("theme"));
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [theme]);
  return [theme, (next) => {
    localStorage.setItem("studio-theme", next);
    setTheme(next);
  }];
}


// A view that fails says so, and leaves the others usable.
function Guarded({view: View, state}) {
  const [error, again] = useErrorBoundary((found) => console.error(found));
  if (error) {
    return html`<section class="card stack"><p class="problem" role="alert">This view has failed: ${String(error.message ?? error)}</p>
      <div class="buttons"><button type="button" class="button" onClick=${again}>Try again</button></div></section>`;
  }
  return html`<${View} state=${state} />`;
}

function App() {
  const {state, online, message} = useStore();
  const view = useHash(state);
  const [theme, setTheme] = useTheme();
  const opened = useRef(false);
  useEffect(() => {
    scrollTo(0, 0);
    // What was chosen may be gone with its view, as "Train it" is: then the keyboard goes on in the new one.
    if (opened.current && document.activeElement === document.body) document.getElementById("main").focus({preventScroll: true});
    opened.current = true;
    document.title = `${VIEWS.find(([name]) => name === view)[1]} · Pronghorn studio`;
  }, [view]);
  const run = state?.runs[state.runs.length - 1];
  const View = VIEWS.find(([name]) => name === view)[2];
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme) + 1) % names.length];
  return html`
    <a class="hidden" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the page</a>
    <header class="top"><div class="top-in">
      <div class="brand"><img src="/static/icon.svg" alt="" /><span>Pronghorn studio</span></div>
      <nav class="tabs" aria-label="Views">
        ${VIEWS.map(([name, title]) => html`<a href=${`#${name}`} aria-current=${name === view ? "page" : undefined}>${title}</a>`)}
      </nav>
      <div class="top-end">
        ${state?.data && html`<span class="chip data">${state.data.name}</span>`}
        ${run && html`<span class="chip" role="status"><i class=${`dot ${run.state}`}></i>${run.name} ${STATES[run.state] ?? run.state}</span>`}
        <button type="button" class="button plain" title=${`Colours: ${theme}`} aria-label=${`Colours: ${theme}. Change to ${next}.`}
          onClick=${() => setTheme(next)}>${THEMES[theme]}</button>
      </div>
    </div></header>
    ${!online && html`<div class="banner" role="alert">The studio has stopped, or cannot be reached. What you see is what it last
      told. Start it again with <code>pronghorn studio</code> and open the address that it prints.</div>`}
    <main id="main" tabindex="-1">${state ? html`<${Guarded} key=${view} view=${View} state=${state} />` : html`<p class="loading">Opening the studio …</p>`}</main>
    ${message && html`<div class="toast" role="alert"><span>${message.text}</span>
      <button type="button" aria-label="Close" onClick=${() => say(null)}>✕</button></div>`}`;
}

document.getElementById("app").textContent = "";
render(html`<${App} />`, document.getElementById("app"));
connect();
