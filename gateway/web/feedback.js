/** Telling and asking: notes that pass, alerts that stay, questions before what cannot be undone. */

import { sentence } from "./api.js";
import { fill, h, icon } from "./dom.js";

const SECONDS = 6;

/**
 * A note at the edge of the page that goes by itself.
 * @param {string} text
 * @param {{href: string, label: string}} [link]
 */
export function note(text, link) {
  const toast = h("p", { class: "toast" }, text, link && h("a", { href: link.href }, link.label));
  /** @type {HTMLElement} */ (document.getElementById("toasts")).append(toast);
  setTimeout(() => toast.remove(), SECONDS * 1000);
}

/**
 * A place for what went wrong, empty at first.
 * @returns {{element: HTMLElement, show: (error: unknown) => void, clear: () => void}}
 */
export function alertBox() {
  const element = h("div", { class: "alert-place", role: "alert" });
  return {
    element,
    show: (error) => fill(element, h("p", { class: "alert" }, icon("alert"), h("span", {}, sentence(error)))),
    clear: () => fill(element),
  };
}

/**
 * Runs what a button or form does, once at a time, and shows what goes wrong.
 * @param {HTMLButtonElement} button
 * @param {ReturnType<typeof alertBox>} alert
 * @param {() => Promise<unknown>} work
 */
export async function doing(button, alert, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  alert.clear();
  // Not `disabled`, which would take the focus away.
  button.setAttribute("aria-disabled", "true");
  button.classList.add("busy");
  try {
    await work();
  } catch (error) {
    alert.show(error);
  } finally {
    button.removeAttribute("aria-disabled");
    button.classList.remove("busy");
  }
}

/**
 * A dialog over the page; it is gone once it is closed.
 * @param {string} title
 * @param {Node[]} content
 * @param {string} [className]
 * @returns {HTMLDialogElement}
 */
export function dialog(title, content, className = "") {
  const close = h("button", { type: "button", class: "round", "aria-label": "Close" }, icon("close"));
  // One dialog may ask about another.
  const id = `dialog-title-${document.querySelectorAll("dialog").length}`;
  const header = h("header", {}, h("h2", { id }, title), close);
  const box = h("dialog", { class: className, "aria-labelledby": id }, header, content);
  close.addEventListener("click", () => box.close());
  box.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === box && box.close());
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before something that cannot be undone, does it, and stays open with the reason if it fails.
 * @param {{title: string, text: string, action: string, fields?: Node[], work: (form: FormData) => Promise<unknown>}} question
 */
export function confirm({ title, text, action, fields = [], work }) {
  const alert = alertBox();
  const yes = h("button", { class: "danger" }, action);
  const no = h("button", { type: "button", class: "quiet" }, "Keep");
  const form = h("form", { class: "stack", novalidate: true }, h("p", {}, text), fields, alert.element);
  form.append(h("div", { class: "row end" }, no, yes));
  const box = dialog(title, [form], "question");
  no.addEventListener("click", () => box.close());
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    doing(yes, alert, async () => {
      await work(new FormData(form));
      box.close();
    });
  });
  no.focus();
}

/**
 * A labelled field.
 * @param {string} label
 * @param {Record<string, any>} properties of the input
 * @param {string} [hint]
 */
export function field(label, properties, hint) {
  const id = properties.id ?? `field-${properties.name}`;
  const about = hint && h("small", { id: `${id}-hint` }, hint);
  const input = h("input", { id, "aria-describedby": hint && `${id}-hint`, ...properties });
  return h("div", { class: "field" }, h("label", { for: id }, label), input, about);
}
