// The little that pages do by themselves: clocks that tick, keys, focus after a swap, and the way out when a session ends.
(() => {
  "use strict";

  // Clocks. Times are epoch seconds of the server; <body data-now> or any [data-now] says what its clock showed.
  // Each is read once: what it says is true of the moment in which it came.
  let ahead = 0;
  let read = null;
  const setClock = () => {
    const told = document.querySelector("[data-now]");
    if (!told || told.dataset.now === read) return;
    read = told.dataset.now;
    ahead = Number(read) - Date.now() / 1000;
  };
  const now = () => Date.now() / 1000 + ahead;
  const clockText = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (n) => String(n).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  // <time data-since="…"> counts up; <progress data-since="…" max="…"> fills.
  const countUp = (element) => {
    const passed = now() - Number(element.dataset.since);
    if (element.tagName === "PROGRESS") element.value = Math.min(passed, element.max);
    else put(element, clockText(passed));
  };
  // <… data-until="…" data-soon="10"> counts down; the nearest [data-turns] gets data-turn fresh, soon or over, and
  // shows that word's own element, [data-when="fresh|soon|over"].
  const countDown = (element) => {
    const left = Number(element.dataset.until) - now();
    if (element.tagName === "PROGRESS") element.value = Math.max(0, Math.min(left, element.max));
    else put(element, clockText(Math.ceil(left)));
    const turns = element.closest("[data-turns]");
    if (!turns) return;
    const turn = left <= 0 ? "over" : left <= Number(element.dataset.soon || 10) ? "soon" : "fresh";
    if (turns.dataset.turn !== turn) turns.dataset.turn = turn;
    for (const word of turns.querySelectorAll("[data-when]")) word.hidden = word.dataset.when !== turn;
  };
  // <… data-since="…" data-reached="90"> shows its [data-then] children from then on, and [data-before] until then.
  const reach = (element) => {
    const reached = now() - Number(element.dataset.since) >= Number(element.dataset.reached);
    for (const child of element.querySelectorAll("[data-then]")) child.hidden = !reached;
    for (const child of element.querySelectorAll("[data-before]")) child.hidden = reached;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-reached]")) reach(element);
    for (const element of document.querySelectorAll("[data-since]:not([data-reached])")) countUp(element);
    for (const element of document.querySelectorAll("[data-until]")) countDown(element);
  };

  // Keys: one letter presses the button that names it. They can be switched off: assistive input types letters too.
  const keysAreOn = () => localStorage.getItem("keys") !== "off";
  const showKeys = () => {
    for (const button of document.querySelectorAll("[data-keys-switch]")) {
      button.setAttribute("aria-pressed", String(keysAreOn()));
      put(button, keysAreOn() ? "Keys are on" : "Keys are off");
    }
    document.body.classList.toggle("no-keys", !keysAreOn());
  };
  const typing = (element) => element && element.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat || event.isComposing) return;
    if (!keysAreOn() || typing(event.target)) return;
    const button = [...document.querySelectorAll("[data-key]")]
      .find((known) => known.dataset.key === event.key && !known.disabled && known.checkVisibility());
    if (!button) return;
    event.preventDefault();
    button.focus();
    button.click();
  });

  document.addEventListener("click", (event) => {
    const keys = event.target.closest("[data-keys-switch]");
    if (keys) {
      localStorage.setItem("keys", keysAreOn() ? "off" : "on");
      showKeys();
    }
  });

  // A form that is on its way says so, and is not sent twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || !event.target.matches("[data-once]")) return;
    if (button.getAttribute("aria-busy") === "true") { event.preventDefault(); return; }
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) put(button, button.dataset.busy);
  });

  // Focus: what had it before a swap has it after, else the part's own heading.
  let focused = null;
  document.addEventListener("htmx:before:swap", () => {
    const active = document.activeElement;
    focused = active && active !== document.body && active.id ? active.id : focused;
  });
  const refocus = () => {
    const active = document.activeElement;
    const lost = !active || active === document.body || active.disabled;
    if (!focused || !lost) { focused = lost ? focused : null; return; }
    const again = document.getElementById(focused);
    const target = again && !again.disabled ? again : document.querySelector("[data-focus-after]");
    if (target) target.focus({ preventScroll: true });
    focused = null;
  };
  document.addEventListener("htmx:after:swap", () => { setClock(); tick(); showKeys(); refocus(); });
  // An earlier problem goes when something is asked anew.
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.closest && !event.target.hasAttribute("hx-sse:connect")) document.getElementById("problem")?.replaceChildren();
  });

  // Live parts: say when the line to the server is lost; a session that has ended leads to the sign-in.
  const line = (lost) => { for (const element of document.querySelectorAll("[data-line-lost]")) element.hidden = !lost; };
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.assign("/console/sign-in");
    else line(true);
  });
  document.addEventListener("htmx:sse:after:connection", () => line(false));
  document.addEventListener("signed-out", () => location.assign("/console/sign-in"));

  const start = () => { setClock(); tick(); showKeys(); setInterval(tick, 250); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
