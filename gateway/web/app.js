/** The start: who is signed in, which view the address asks for, and what stands around it. */

import { sentence } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { note } from "./feedback.js";
import { jobs } from "./jobs.js";
import { store } from "./store.js";
import { account } from "./views/account.js";
import { billing } from "./views/billing.js";
import { gallery } from "./views/gallery.js";
import { forgotten, reset, verify } from "./views/recovery.js";
import { studio } from "./views/studio.js";
import { welcome } from "./views/welcome.js";

/**
 * @typedef {{title: string, element: HTMLElement}} View
 * @typedef {"studio" | "gallery" | "credits" | "account"} Icon
 */

/** @type {Record<string, {label: string, icon: Icon, view: (signal: AbortSignal) => View}>} */
const VIEWS = {
  "/": { label: "Studio", icon: "studio", view: studio },
  "/gallery": { label: "Gallery", icon: "gallery", view: gallery },
  "/billing": { label: "Credits", icon: "credits", view: billing },
  "/account": { label: "Account", icon: "account", view: account },
};

/** Where mails lead, whether or not somebody is signed in. @type {Record<string, () => View>} */
const OPEN = { "/forgot-password": forgotten, "/reset-password": reset, "/verify-email": verify };

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const top_ = /** @type {HTMLElement} */ (document.getElementById("top"));
const offline = /** @type {HTMLElement} */ (document.getElementById("offline"));

/** Ends the listeners of the view before. */
let leaving = new AbortController();

function show() {
  leaving.abort();
  leaving = new AbortController();
  const known = VIEWS[location.pathname] ?? VIEWS["/"];
  const open = OPEN[location.pathname];
  const { title, element } = open ? open() : store.user ? known.view(leaving.signal) : welcome();
  document.title = `${title} · Drape`;
  fill(main, element);
  frame();
}

function frame() {
  const brand = h("a", { class: "brand", href: "/" }, icon("hanger"), "Drape");
  if (!store.user) return fill(top_, brand);
  const links = Object.entries(VIEWS).map(([path, { label, icon: name }]) =>
    h("a", { href: path, "aria-current": path === location.pathname && "page" }, icon(name), label),
  );
  const pill = h("a", { class: "pill", href: "/billing", id: "credits" });
  fill(top_, brand, h("nav", { "aria-label": "Main" }, links), pill);
  count();
}

function count() {
  const pill = document.getElementById("credits");
  const credits = store.credits;
  if (!pill) return;
  pill.hidden = credits === null;
  pill.textContent = credits === 1 ? "1 credit" : `${credits} credits`;
}

/** @param {string} address */
function go(address) {
  history.pushState(null, "", address);
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function follow(/** @type {MouseEvent} */ event) {
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!(link.pathname in VIEWS || link.pathname in OPEN) || link.hash) return;
  event.preventDefault();
  go(link.href);
}

function connected() {
  offline.textContent = navigator.onLine ? "" : "You are offline. What you see may be out of date.";
}

function told() {
  if (location.pathname === "/") return;
  const words = jobs.current?.status === "succeeded" ? "Your picture is ready." : "Your try-on has ended.";
  note(words, { href: "/", label: "Look" });
}

async function start() {
  fill(main, h("p", { class: "page quiet-text", role: "status" }, "One moment…"));
  try {
    await store.open();
  } catch (error) {
    const again = h("button", { type: "button", onclick: start }, "Try again");
    fill(main, h("div", { class: "page stack empty" }, h("h1", {}, "Drape"), h("p", { role: "alert" }, sentence(error)), again));
    return;
  }
  show();
  store.addEventListener("session", arrived);
  if (store.user) refresh();
}

function arrived() {
  // What a mail's link has asked for is not swept away by what it does to the session.
  if (location.pathname in OPEN) frame();
  else show();
  main.focus({ preventScroll: true });
  refresh();
}

function refresh() {
  if (!store.user) return;
  store.reload();
  jobs.resume().catch(() => {});
}

document.addEventListener("click", follow);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
addEventListener("popstate", show);
addEventListener("online", () => (connected(), refresh()));
addEventListener("offline", connected);
store.addEventListener("credits", count);
jobs.addEventListener("finished", told);
connected();
start();
