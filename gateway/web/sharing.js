/** Keeping a picture: to the device, or to somebody. */

import { h, icon } from "./dom.js";
import { note } from "./feedback.js";

/**
 * Buttons that download and share a picture; the second only where the browser can.
 * @param {string} address of the picture
 * @returns {HTMLElement[]}
 */
export function keepers(address) {
  const buttons = [h("a", { class: "button", href: address, download: "drape" }, icon("download"), "Download")];
  if ("share" in navigator) {
    buttons.push(h("button", { type: "button", onclick: () => share(address) }, icon("share"), "Share"));
  }
  return buttons;
}

/** @param {string} address */
async function share(address) {
  try {
    const blob = await (await fetch(address)).blob();
    const file = new File([blob], `drape.${blob.type.split("/")[1]}`, { type: blob.type });
    await navigator.share({ files: [file] });
  } catch (error) {
    const changedTheirMind = error instanceof DOMException && error.name === "AbortError";
    if (!changedTheirMind) note("This picture could not be shared from here. You can download it instead.");
  }
}
