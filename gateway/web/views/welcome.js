/** Before anybody is signed in: what this is, and the way in. */

import { h } from "../dom.js";
import { alertBox, doing, field } from "../feedback.js";
import { store } from "../store.js";

const WAYS = {
  register: {
    title: "Create your account",
    action: "Create account",
    text: "Your first five try-ons are free.",
    other: "login",
    question: "Already have an account?",
    link: "Sign in",
  },
  login: {
    title: "Welcome back",
    action: "Sign in",
    text: "Your photos and pictures are where you left them.",
    other: "register",
    question: "New here?",
    link: "Create an account",
  },
};

/** @returns {{title: string, element: HTMLElement}} */
export function welcome() {
  const place = h("div", { class: "card entry" });
  const turn = (/** @type {keyof typeof WAYS} */ way, focus = true) => {
    place.replaceChildren(entry(way, turn));
    if (focus) place.querySelector("input").focus();
  };
  turn(location.pathname === "/" ? "register" : "login", false);
  const steps = [
    ["Add a photo of yourself", "Upright and in good light works best."],
    ["Add an outfit", "A shop's picture, or your own."],
    ["See it on you", "Ready in seconds. If it cannot be made, it costs nothing."],
  ];
  const hero = h(
    "div",
    { class: "hero" },
    h("h1", {}, "See it on you before you buy it."),
    h("ol", { class: "steps" }, steps.map(([title, text]) => h("li", {}, h("strong", {}, title), h("span", {}, text)))),
  );
  return { title: "See it on you", element: h("div", { class: "welcome" }, hero, place) };
}

/**
 * @param {keyof typeof WAYS} way
 * @param {(way: any) => void} turn
 */
function entry(way, turn) {
  const words = WAYS[way];
  const fresh = way === "register";
  const alert = alertBox();
  const button = h("button", { class: "primary wide" }, words.action);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));
    doing(button, alert, () => store.signIn(way, values));
  };
  const form = h(
    "form",
    { class: "stack", novalidate: true, onsubmit: submit },
    h("h2", {}, words.title),
    h("p", { class: "quiet-text" }, words.text),
    fresh && field("Name (optional)", { name: "name", autocomplete: "name", maxlength: 100 }),
    field("E-mail", { name: "email", type: "email", autocomplete: "username", autocapitalize: "none", required: true }),
    field(
      "Password",
      {
        name: "password",
        type: "password",
        autocomplete: fresh ? "new-password" : "current-password",
        required: true,
      },
      fresh ? "At least 8 characters. A few words make a good one." : undefined,
    ),
    !fresh && h("p", {}, h("a", { href: "/forgot-password" }, "Forgot your password?")),
    alert.element,
    button,
    h(
      "p",
      { class: "centre" },
      `${words.question} `,
      h("button", { type: "button", class: "link", onclick: () => turn(words.other) }, words.link),
    ),
  );
  return form;
}
