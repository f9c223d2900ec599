// The live part of the console. Without it every form still posts and every link still leads somewhere.
// All HTML that is put into the page here was rendered and escaped by the server.
const $ = (id) => document.getElementById(id);
const { channel, now } = document.body.dataset;
const FETCH = { headers: { "X-Requested-With": "fetch" } };
const SILENCE = 40000; // ms without a word from the server after which the page no longer trusts itself
const SETTLE = 600; // ms in which a press on what has only just come under the finger is taken for a slip
let ahead = now * 1000 - Date.now(); // the server's clock minus ours, in ms

// ---- times

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  const [unit, part, names] = s < 86400 ? [3600, 60, "hm"] : [86400, 3600, "dh"];
  const big = Math.floor(s / unit);
  const small = Math.floor((s % unit) / part);
  return small ? `${big}${names[0]} ${small}${names[1]}` : `${big}${names[0]}`;
}

function tickTimes() {
  const at = Date.now() + ahead;
  for (const time of document.querySelectorAll("time")) {
    const text = span(Math.abs(at - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

// ---- fragments

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

/** Where an element is, in words that still hold after its card was drawn anew. */
function nameOf(element) {
  const folded = element.closest("details[data-keep]");
  if (element.dataset.verb) return `[data-verb="${element.dataset.verb}"]`;
  return folded && element.tagName === "SUMMARY" ? `details[data-keep="${folded.dataset.keep}"] > summary` : null;
}

function keepFolds(old, fresh) {
  for (const fold of old.querySelectorAll("details[data-keep][open]")) {
    const same = fresh.querySelector(`details[data-keep="${fold.dataset.keep}"]`);
    if (!same) continue;
    same.open = true;
    if (fold.dataset.keep === "thread") same.replaceWith(fold);
  }
}

function insert(card) {
  const list = $(card.dataset.list);
  const next = [...list.children].find((other) => other.dataset.rank > card.dataset.rank);
  list.insertBefore(card, next || null);
}

function showCard({ id, html, say, urgent }) {
  const old = $(id);
  const card = fragment(html);
  if (!old) card.classList.add("fresh");
  if (!old || old.dataset.state !== card.dataset.state) announce(say, urgent);
  if (old) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const name = focused && nameOf(focused);
    keepFolds(old, card);
    card.changed = { at: performance.now(), before: new Set([...old.querySelectorAll("button")].map((button) => button.value)) };
    if (old.dataset.list === card.dataset.list && old.dataset.rank === card.dataset.rank) old.replaceWith(card);
    else { old.remove(); insert(card); }
    if (focused) (focused.isConnected ? focused : (name && card.querySelector(name)) || card).focus({ preventScroll: true });
    loadThread(card);
  } else insert(card);
  tickTimes();
}

function announce(text, urgent) {
  const region = $(urgent ? "assertive" : "polite");
  const line = document.createElement("p");
  line.textContent = text;
  region.append(line);
  while (region.children.length > 5) region.firstChild.remove();
}

async function loadThread(card) {
  const notes = card.querySelector("details.thread[open] [data-thread]");
  if (!notes) return;
  const answer = await fetch(`/console/thread/${notes.dataset.thread}`, FETCH).catch(() => null);
  if (answer?.ok) notes.innerHTML = await answer.text();
}

function countTitle() {
  const counts = [...document.querySelectorAll("[data-count]")].map((count) => Number(count.dataset.count));
  const open = counts.reduce((sum, count) => sum + count, 0);
  document.title = `${open ? `(${open}) ` : ""}${channel || "No channel"} · Tocsin`;
}

// ---- the stream

let heardAt = Date.now();
let source = null;

function setLive(on) {
  const live = $("live");
  const text = on ? "live" : "not connected, what you see may be old";
  if (live.textContent === text) return;
  live.textContent = text;
  live.className = `live ${on ? "on" : "off"}`;
}

const HEARD = {
  card: showCard,
  cards({ html }) {
    const open = [...document.querySelectorAll("#cards details.thread[open]")].map((fold) => fold.closest(".card").id);
    $("cards").innerHTML = html;
    for (const card of open.map($).filter(Boolean)) {
      card.querySelector("details.thread").open = true;
      loadThread(card);
    }
    tickTimes();
  },
  count({ id, html }) { $(id)?.replaceWith(fragment(html)); countTitle(); },
  thread({ id }) { if ($(id)) loadThread($(id)); },
  private({ id, html }) { if (!$(id)) $("private").append(fragment(html)); },
  beat(data) { ahead = data.now * 1000 - Date.now(); tickTimes(); },
  signin() { location.assign(`/signin?channel=${encodeURIComponent(channel)}`); },
  reload() { location.assign("/"); },
};

function connect() {
  source?.close();
  source = new EventSource(`/console/events?channel=${encodeURIComponent(channel)}&since=${trusted()}`);
  heardAt = Date.now();
  for (const [kind, act] of Object.entries(HEARD)) {
    source.addEventListener(kind, (event) => {
      heardAt = Date.now();
      setLive(true);
      act(JSON.parse(event.data));
    });
  }
  source.addEventListener("error", () => setLive(false));
}

/** The page as the server made it may be trusted once; after that, ask for everything. */
function trusted() {
  const known = document.body.dataset.version;
  document.body.dataset.version = "";
  return encodeURIComponent(known);
}

async function watch() {
  tickTimes();
  if (Date.now() - heardAt < SILENCE && source.readyState !== EventSource.CLOSED) return;
  setLive(false);
  const answer = await fetch("/console/suggest?text=", FETCH).catch(() => null);
  if (answer?.status === 401) HEARD.signin();
  else connect();
}

// ---- commands

function showReply(html) { $("reply").innerHTML = html; }

function showTrouble(text) {
  showReply('<div class="reply bad"><pre></pre></div>');
  $("reply").querySelector("pre").textContent = text;
}

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  submitter?.setAttribute("aria-busy", "true");
  const answer = await fetch(form.action, { method: "POST", body, ...FETCH }).catch(() => null);
  submitter?.removeAttribute("aria-busy");
  if (!answer) return showTrouble("Not sent: the server cannot be reached. Try again.");
  if (answer.status === 401) return HEARD.signin();
  if (!answer.ok) return showTrouble(await answer.text());
  showReply(await answer.text());
  if (form.id === "command") { $("text").value = ""; closeOptions(); }
  if (form.closest("dialog")) { form.closest("dialog").close(); form.reset(); }
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
}

let press = { at: -SETTLE, x: 0, y: 0, again: false };

document.addEventListener("pointerdown", ({ timeStamp: at, clientX: x, clientY: y }) => {
  press = { at, x, y, again: at - press.at < SETTLE && Math.hypot(x - press.x, y - press.y) < 12 };
}, true);

/** The second half of a double click, whatever lies there by now; or an Ack that somebody else just turned into an Unack. */
function isSlip(button) {
  const changed = button?.closest(".card")?.changed;
  const turned = changed && performance.now() - changed.at < SETTLE && !changed.before.has(button.value);
  return turned || (button?.closest(".card") && press.again && performance.now() - press.at < SETTLE);
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("form[data-send]") || submitter?.formMethod === "dialog") return;
  event.preventDefault();
  if (!isSlip(submitter) && !submitter?.getAttribute("aria-busy")) send(form, submitter);
});

document.addEventListener("click", (event) => {
  const asking = event.target.closest("[data-ask]");
  if (asking) {
    event.preventDefault();
    const dialog = $(`ask-${asking.dataset.ask}`);
    dialog.querySelector('[name="text"]').value = asking.dataset.command;
    dialog.querySelector("h2").textContent = asking.getAttribute("aria-label");
    dialog.showModal();
    dialog.querySelector('[name="rest"]').focus();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.thread[open]")) loadThread(event.target.closest(".card"));
}, true);

// ---- completion: the listbox pattern; arrows move, Tab and Enter take, Escape closes

let chosen = -1;
let asked = 0;

function options() { return [...$("options").children]; }

function closeOptions() {
  asked += 1; // an answer still on its way comes too late
  $("options").hidden = true;
  choose(-1);
  $("text").setAttribute("aria-expanded", "false");
}

function choose(index) {
  chosen = index;
  options().forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
  const option = options()[index];
  if (option) { $("text").setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
  else $("text").removeAttribute("aria-activedescendant");
}

async function suggest() {
  const mine = ++asked;
  const query = new URLSearchParams({ text: $("text").value, channel });
  const answer = await fetch(`/console/suggest?${query}`, FETCH).catch(() => null);
  if (!answer?.ok || mine !== asked) return;
  $("options").innerHTML = await answer.text();
  choose(-1);
  const more = options().some((option) => option.dataset.line !== $("text").value);
  $("options").hidden = !more || document.activeElement !== $("text");
  $("text").setAttribute("aria-expanded", String(!$("options").hidden));
}

function take(option) {
  $("text").value = option.dataset.line;
  closeOptions(); // Enter right after Tab sends, even while the next options are on their way
  $("text").focus();
  suggest();
}

function onKey(event) {
  const all = $("options").hidden ? [] : options();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && all.length) choose((chosen + step + all.length + (chosen < 0 && step < 0 ? 1 : 0)) % all.length);
  else if (step) suggest();
  else if (event.key === "Tab" && !event.shiftKey && all.length && $("text").value) take(all[Math.max(chosen, 0)]);
  else if (event.key === "Enter" && all[chosen]) take(all[chosen]);
  else if (event.key === "Escape" && all.length) closeOptions();
  else return;
  event.preventDefault();
}

$("text").addEventListener("keydown", onKey);
$("text").addEventListener("input", suggest);
$("text").addEventListener("blur", () => setTimeout(() => document.activeElement !== $("text") && closeOptions(), 150));
$("options").addEventListener("pointerdown", (event) => event.preventDefault());
$("options").addEventListener("click", (event) => { const option = event.target.closest("li"); if (option) take(option); });

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); $("text").focus(); }
  if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

function walk(step) {
  const cards = [...document.querySelectorAll(".card")];
  const here = cards.indexOf(document.activeElement.closest(".card"));
  cards[Math.min(Math.max(here + step, 0), cards.length - 1)]?.focus();
}

connect();
countTitle();
setInterval(watch, 5000);
