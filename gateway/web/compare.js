/** Two pictures over each other, with a line between them that can be dragged, or moved with the arrow keys. */

import { h } from "./dom.js";

const START = 50;

/**
 * @param {{before: string, after: string, width: number, height: number}} pictures addresses, and the size in pixels
 * @returns {HTMLElement}
 */
export function compare({ before, after, width, height }) {
  const words = (/** @type {number} */ value) => `${value}% before, ${100 - value}% after`;
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 100,
    value: START,
    "aria-label": "Compare before and after",
    "aria-valuetext": words(START),
    oninput: () => {
      box.style.setProperty("--cut", `${slider.value}%`);
      slider.setAttribute("aria-valuetext", words(Number(slider.value)));
    },
  });
  const box = h(
    "div",
    { class: "compare" },
    h("img", { src: after, alt: "After: you in the outfit", width, height, draggable: "false" }),
    h("img", { class: "before", src: before, alt: "Before: your photo", width, height, draggable: "false" }),
    h("span", { class: "tag left", "aria-hidden": "true" }, "Before"),
    h("span", { class: "tag right", "aria-hidden": "true" }, "After"),
    h("span", { class: "line", "aria-hidden": "true" }),
    slider,
  );
  box.style.setProperty("--cut", `${START}%`);
  return box;
}
