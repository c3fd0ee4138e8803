// Keeps an open page true: the server draws it anew whenever something changed, and only what differs is put in its
// place, so that focus, scrolling, open menus and what somebody types stay.
"use strict";

const main = document.querySelector("main[data-live]");
const note = document.getElementById("live-note");
const RETRY_MS = 15_000;
let events = null;
let later = 0;

function follow() {
  clearTimeout(later);
  if (events || document.hidden) return;
  events = new EventSource(main.dataset.live);
  events.addEventListener("page", (event) => {
    const told = JSON.parse(event.data);
    const fresh = new DOMParser().parseFromString(`<title>${told.title}</title><main>${told.html}</main>`, "text/html");
    if (document.title !== fresh.title) document.title = fresh.title;
    show(fresh.querySelector("main"));
    main.dataset.followed = "yes";
    if (note.textContent) note.textContent = "";
  });
  events.addEventListener("error", () => {
    // While it connects again by itself, the page is at most some seconds old.
    if (events.readyState !== EventSource.CLOSED) return;
    leave();
    note.textContent = "This page no longer follows what happens: you were signed out, or the service does not answer. Load it again.";
    later = setTimeout(follow, RETRY_MS);
  });
}

function leave() {
  if (events) events.close();
  events = null;
  delete main.dataset.followed;
}

function show(fresh) {
  const active = document.activeElement;
  const inside = active && active !== main && main.contains(active);
  children(main, fresh);
  if (!inside || document.activeElement === active) return;
  const again = active.isConnected ? active : active.id && document.getElementById(active.id);
  if (again) again.focus({ preventScroll: true });
  if (document.activeElement !== again) {
    // What had the focus is gone; the next key press begins where the page does.
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
  }
}

// A row is known by its id, or by where its first act or link leads.
function key(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.id || node.nodeName !== "TR") return node.id;
  const first = node.querySelector("form[action], a[href]");
  return first ? first.getAttribute("action") || first.getAttribute("href") : "";
}

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

// What somebody is filling in, or has just sent, is theirs.
function isTheirs(node) {
  return node.nodeName === "FORM" && (node.dataset.sent || node.dataset.touched);
}

function renew(shown, fresh) {
  if (shown.isEqualNode(fresh)) return;
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    shown.nodeValue = fresh.nodeValue;
    return;
  }
  if (isTheirs(shown)) return;
  attributes(shown, fresh);
  children(shown, fresh);
}

function attributes(shown, fresh) {
  const kept = (name) => name === "open" && shown.nodeName === "DETAILS";
  for (const { name } of [...shown.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (shown.getAttribute(name) !== value && !kept(name)) shown.setAttribute(name, value);
  }
}

function children(shown, fresh) {
  const named = new Map([...shown.children].filter(key).map((child) => [key(child), child]));
  let at = shown.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = key(next) ? named.get(key(next)) : at;
    const match = known && alike(known, next) ? known : null;
    if (!match) {
      shown.insertBefore(document.importNode(next, true), at);
    } else {
      if (match === at) at = at.nextSibling;
      else shown.insertBefore(match, at);
      renew(match, next);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

if (main) {
  main.addEventListener("input", (event) => {
    if (event.target.form) event.target.form.dataset.touched = "yes";
  });
  // A page that nobody sees needs no stream; it catches up when it is looked at.
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", follow);
  follow();
}
