// What the page calls the states of a run.
export const STATES = {starting: "starting", training: "training", paused: "paused", done: "finished", stopped: "stopped", failed: "failed"};
export const isOver = (run) => ["done", "stopped", "failed"].includes(run.state);
