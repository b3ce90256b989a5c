// A pad to draw on: white ink on black, by mouse, pen or finger, or with the keyboard.
import {encode, html, useEffect, useRef} from "./parts.js";

const SIDE = 280;
export const SENT = 112; // pixels a side of what is sent

export function readPad(canvas) {
  const grey = middleOf(canvas, SENT, SENT, 1);
  return grey.some(Boolean) ? {drawing: encode(grey), width: SENT} : null;
}

export function Pad({onStroke, clearing = 0, label = "Draw here"}) {
  const ref = useRef();
  const pen = useRef({down: false, x: SIDE / 2, y: SIDE / 2});
  const clear = () => {
    const context = ref.current.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
  };
  useEffect(clear, [clearing]);
  const line = (...places) => {
    const context = ref.current.getContext("2d");
    context.strokeStyle = "#fff";
    context.lineWidth = 22;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(pen.current.x, pen.current.y);
    for (const [x, y] of places) {
      context.lineTo(x + 0.01, y);
      Object.assign(pen.current, {x, y});
    }
    context.stroke();
    onStroke(ref.current);
  };
  const place = (event) => {
    const box = ref.current.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  };
  const down = (event) => {
    ref.current.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    Object.assign(pen.current, {down: true, x, y});
    line([x, y]);
  };
  // A busy browser tells of many moves as one: a corner between them counts too.
  const moves = (event) => {
    const found = event.getCoalescedEvents?.() ?? [];
    return found.length ? found : [event];
  };
  const move = (event) => pen.current.down && line(...moves(event).map(place));
  const up = () => { pen.current.down = false; };
  const keys = (event) => {
    const step = {ArrowLeft: [-14, 0], ArrowRight: [14, 0], ArrowUp: [0, -14], ArrowDown: [0, 14]}[event.key];
    if (!step) return;
    event.preventDefault();
    const x = Math.min(SIDE - 8, Math.max(8, pen.current.x + step[0]));
    const y = Math.min(SIDE - 8, Math.max(8, pen.current.y + step[1]));
    if (event.shiftKey) Object.assign(pen.current, {x, y});
    else line([x, y]);
  };
  return html`<canvas class="pad" ref=${ref} width=${SIDE} height=${SIDE} tabindex="0" role="img" onKeyDown=${keys}
    aria-label=${`${label}. Arrow keys draw, with Shift they move without drawing.`}
    onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}></canvas>`;
}

// The middle square of an image, a canvas or a camera's picture as bytes, in the size that the model takes.
export function middleOf(picture, height, width, channels) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const [across, down] = [picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height];
  const side = Math.min(across, down) || 1;
  context.drawImage(picture, (across - side) / 2, (down - side) / 2, side, side, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const out = new Uint8Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    if (channels === 3) out.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
    else out[i] = Math.round(0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2]);
  }
  return out;
}

export function Camera({onVideo, onError}) {
  const ref = useRef();
  useEffect(() => {
    let stream = null;
    let wanted = true;
    if (!navigator.mediaDevices) {
      onError("The browser gives a page the camera only on this machine's own address (127.0.0.1) or by HTTPS.");
      return undefined;
    }
    navigator.mediaDevices.getUserMedia({video: {width: 320, height: 320}}).then((found) => {
      stream = found;
      if (!wanted) found.getTracks().forEach((track) => track.stop());
      else if (ref.current) {
        ref.current.srcObject = found;
        onVideo(ref.current);
      }
    }, (error) => onError(`The camera cannot be used: ${error.message}`));
    return () => {
      wanted = false;
      stream?.getTracks().forEach((track) => track.stop());
      onVideo(null);
    };
  }, []);
  return html`<video class="camera" ref=${ref} autoplay muted playsinline aria-label="The camera's picture"></video>`;
}
