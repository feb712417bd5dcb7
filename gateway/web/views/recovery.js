/** Where the links of our mails lead: a new password, a confirmed address. */

import { api } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { alertBox, doing, field } from "../feedback.js";
import { store } from "../store.js";

/** @typedef {{title: string, element: HTMLElement}} View */

/** @returns {View} */
export function forgotten() {
  return ask(
    "Choose a new password",
    "Tell us your address, and we will send you a link.",
    [field("E-mail", { name: "email", type: "email", autocomplete: "username", autocapitalize: "none" })],
    "Send the link",
    async (values) => (await api("POST", "/api/auth/password/forgot", values)).message,
  );
}

/** @returns {View} */
export function reset() {
  const token = takenToken();
  const hint = "At least 8 characters. A few words make a good one.";
  return ask(
    "Choose a new password",
    "You will be signed out wherever you are signed in.",
    [field("New password", { name: "password", type: "password", autocomplete: "new-password" }, hint)],
    "Save the password",
    async (values) => {
      const { message } = await api("POST", "/api/auth/password/reset", { ...values, token });
      if (store.user) store.leave();
      return message;
    },
  );
}

/** @returns {View} */
export function verify() {
  const token = takenToken();
  return ask(
    "Confirm your address",
    "One press, and we know that this address is yours.",
    [],
    "Confirm",
    async () => {
      const { message } = await api("POST", "/api/auth/email/verify", { token });
      await store.open();
      return message;
    },
  );
}

/** The token of the mail's link, which is then taken out of the address and of the browser's history. */
function takenToken() {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  history.replaceState(null, "", location.pathname);
  return token;
}

/**
 * A card with one question, in whose place the API's answer comes.
 * @param {string} title
 * @param {string} text
 * @param {HTMLElement[]} fields
 * @param {string} action
 * @param {(values: Record<string, any>) => Promise<string>} work
 * @returns {View}
 */
function ask(title, text, fields, action, work) {
  const alert = alertBox();
  const button = h("button", { class: "primary wide" }, action);
  const home = h("p", { class: "centre" }, h("a", { href: "/" }, store.user ? "To the studio" : "To the sign-in"));
  const form = h("form", { class: "stack", novalidate: true }, fields, alert.element, button);
  const place = h("div", { role: "status" });
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    doing(button, alert, async () => {
      const answer = await work(Object.fromEntries(new FormData(form)));
      form.hidden = true;
      fill(place, h("p", { class: "notice" }, icon("check"), h("span", {}, answer)));
    });
  });
  const words = h("p", { class: "quiet-text" }, text);
  const card = h("div", { class: "card entry stack" }, h("h1", {}, title), words, form, place, home);
  return { title, element: h("div", { class: "page slim" }, card) };
}
