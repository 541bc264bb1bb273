// Keeps a page live: one stream a tab, whose events bring the parts of the page that have changed. Elements stay what
// they are while their content changes, so focus, selection, scrolling and open details stay as well.
"use strict";

const live = document.getElementById("live");
const tell = (text, state) => { if (live.textContent !== text) live.textContent = text; live.dataset.state = state; };

// -- parts: the new content, put into the elements that are there

const KEPT = new Set(["open"]);  // attributes that the reader changes
const parsed = (html) => { const box = document.createElement("template"); box.innerHTML = html; return box.content; };
const isSame = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !KEPT.has(name)) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !KEPT.has(name) && !("own" in old.dataset)) old.removeAttribute(name);
  if (!("own" in old.dataset)) morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const byId = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = next.id && byId.get(next.id);
    if (known && known !== at) old.insertBefore(known, at);
    else if (known) at = at.nextSibling;
    if (known) { morph(known, next); continue; }
    if (at && !at.id && isSame(at, next)) {
      const here = at;
      at = at.nextSibling;
      morph(here, next);
    } else old.insertBefore(next, at);
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}

// -- times, told as ages

function ages() {
  const now = Date.now();
  for (const each of document.querySelectorAll("time.age")) {
    const text = `${span((now - Date.parse(each.dateTime)) / 1000)} ago`;
    if (each.textContent !== text) each.textContent = text;
  }
  for (const each of document.querySelectorAll("time.since")) {
    const text = span((now - Date.parse(each.dateTime)) / 1000);
    if (each.textContent !== text) each.textContent = text;
  }
}

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const counts = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const first = counts.findIndex((count, at) => count || at === 3);
  return counts.slice(first, first + 2).map((count, at) => `${count}${"dhms"[first + at]}`).join(" ");
}

// -- the grid: one square a host, on one canvas; what changes is drawn, nothing else

const grid = { names: [], ids: [], base: "", states: [], at: 0, size: 0, columns: 1 };
const WORDS = { P: "Pending", I: "In progress", S: "Succeeded", F: "Failed", K: "Skipped" };
const NAMES = { P: "--pending", I: "--busy", S: "--good", F: "--bad", K: "--skipped" };
const GAP = 2;

const box = () => document.getElementById("grid");
const canvas = () => document.querySelector("#grid canvas");

function room() {
  const around = canvas().parentElement;
  return around.clientWidth - 2 * parseFloat(getComputedStyle(around).paddingLeft);
}

function layOut() {
  const board = canvas();
  if (!board || !grid.states.length) return;
  const count = grid.states.length;
  grid.room = room();
  grid.size = [18, 14, 11, 8, 6].find((size) => Math.ceil(count / Math.max(1, Math.floor(grid.room / size))) * size <= 420) || 6;
  grid.columns = Math.max(1, Math.floor(grid.room / grid.size));
  const width = grid.columns * grid.size, height = Math.ceil(count / grid.columns) * grid.size;
  const scale = window.devicePixelRatio || 1;
  board.width = width * scale;  // and nothing is drawn there any more
  board.height = height * scale;
  board.style.width = `${width}px`;
  board.style.height = `${height}px`;
  grid.pen = board.getContext("2d");
  grid.pen.scale(scale, scale);
  const style = getComputedStyle(board);
  grid.colors = Object.fromEntries(Object.entries(NAMES).map(([state, name]) => [state, style.getPropertyValue(name)]));
  grid.ink = style.getPropertyValue("--ground");
  grid.ring = style.getPropertyValue("--ink");
  const same = {};
  for (let at = 0; at < count; at++) (same[grid.states[at]] ||= []).push(at);
  for (const [state, places] of Object.entries(same)) draw(state, places);
  if (document.activeElement === box()) mark(grid.at);
}

function place(at) {
  return [(at % grid.columns) * grid.size, Math.floor(at / grid.columns) * grid.size, grid.size - GAP];
}

// Squares of one state: all by one stroke of the pen, which is what takes time.
function draw(state, places) {
  const { pen } = grid;
  pen.fillStyle = pen.strokeStyle = grid.colors[state];
  pen.lineWidth = 1;
  const isHollow = state === "P" || state === "K";  // nothing has been done there
  trace(places, (x, y, side) => (isHollow ? pen.rect(x + 0.5, y + 0.5, side - 1, side - 1) : pen.rect(x, y, side, side)));
  if (isHollow) pen.stroke(); else pen.fill();
  if (state === "K") strokes(places, (x, y, side) => line(x, y + side, x + side, y));
  pen.strokeStyle = pen.fillStyle = grid.ink;
  if (state === "I") {
    trace(places, (x, y, side) => pen.rect(x + side / 4, y + side / 4, side / 2, side / 2));
    pen.fill();
  }
  if (state === "F") {
    strokes(places, (x, y, side) => {
      line(x + 1, y + 1, x + side - 1, y + side - 1);
      line(x + 1, y + side - 1, x + side - 1, y + 1);
    });
  }
}

function trace(places, shape) {
  grid.pen.beginPath();
  for (const at of places) shape(...place(at));
}

function strokes(places, shape) {
  trace(places, shape);
  grid.pen.stroke();
}

function line(x, y, toX, toY) {
  grid.pen.moveTo(x, y);
  grid.pen.lineTo(toX, toY);
}

function again(at) {
  if (!grid.pen) return;
  const [x, y] = place(at);
  grid.pen.clearRect(x, y, grid.size, grid.size);
  draw(grid.states[at], [at]);
}

function mark(at) {
  const [x, y, side] = place(at);
  grid.pen.strokeStyle = grid.ring;
  grid.pen.lineWidth = 2;
  grid.pen.strokeRect(x + 1, y + 1, side - 2, side - 2);
}

function move(to) {
  if (!grid.states.length) return;
  again(grid.at);
  grid.at = Math.max(0, Math.min(grid.states.length - 1, to));
  mark(grid.at);
  said(grid.at);
}

function said(at) {
  document.getElementById("cell").textContent = `${grid.names[at]}: ${WORDS[grid.states[at]]}`;
}

const visit = (at) => { location.href = grid.base + encodeURIComponent(grid.ids[at]); };
const STEPS = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: () => grid.columns, ArrowUp: () => -grid.columns };

function attach() {
  const here = box();
  if (!here || here.dataset.attached) return;
  here.dataset.attached = "yes";
  here.addEventListener("focus", () => move(grid.at));
  here.addEventListener("blur", () => { if (grid.states.length) again(grid.at); });
  here.addEventListener("keydown", (event) => {
    if (event.key in STEPS) move(grid.at + STEPS[event.key]());
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(grid.states.length - 1);
    else if (event.key === "Enter" && grid.states.length) visit(grid.at);
    else return;
    event.preventDefault();
  });
  const under = (event) => {
    const at = Math.floor(event.offsetY / grid.size) * grid.columns + Math.floor(event.offsetX / grid.size);
    return at < grid.states.length ? at : -1;
  };
  canvas().addEventListener("pointermove", (event) => { if (under(event) >= 0) said(under(event)); });
  canvas().addEventListener("click", (event) => { if (under(event) >= 0) visit(under(event)); });
  new ResizeObserver(() => { if (room() !== grid.room) layOut(); }).observe(here);
}

function cells({ names, ids, base, states }) {
  Object.assign(grid, { names, ids, base, states: [...states], at: Math.min(grid.at, Math.max(0, states.length - 1)) });
  attach();
  layOut();
}

function changed(states) {
  for (const [at, state] of Object.entries(states)) { grid.states[at] = state; again(Number(at)); }
  if (document.activeElement === box()) mark(grid.at);
}

// -- the stream

function apply(news) {
  const began = performance.now();
  if (news.title) document.title = news.title;
  for (const [id, html] of Object.entries(news.parts || {})) {
    const part = document.getElementById(id);
    if (part) morphChildren(part, parsed(html));
  }
  if (news.cells) cells(news.cells);
  if (news.changed) changed(news.changed);
  ages();
  if (performance.getEntriesByName("change").length > 200) performance.clearMeasures("change");
  performance.measure("change", { start: began });
}

let source = null;

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(document.body.dataset.stream);
  source.onmessage = (event) => { tell("live", "live"); apply(JSON.parse(event.data)); };
  source.onerror = () => {
    tell("connecting again", "lost");
    if (source.readyState === EventSource.CLOSED) { source = null; setTimeout(listen, 3000); }
  };
}

// A browser has six connections to a server, for all its tabs: those that nobody sees give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && source) { source.close(); source = null; tell("not live", "idle"); } else listen();
});
addEventListener("pagehide", () => { if (source) { source.close(); source = null; } });
addEventListener("pageshow", listen);
for (const scheme of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(scheme).addEventListener("change", layOut);
setInterval(ages, 1000);
ages();
listen();
