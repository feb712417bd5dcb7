/** A row of pictures to choose one from, with places to add another: a file, a photo taken now, or one dropped. */

import { upload } from "../api.js";
import { h, icon } from "../dom.js";
import { ACCEPTED, named, prepared, small } from "../pictures.js";
import { store } from "../store.js";

/**
 * @typedef {{element: HTMLElement, draw: () => void, add: (files: FileList | File[] | undefined) => void}} Shelf
 */

/**
 * @param {{type: "user" | "outfit", title: string, empty: string, camera: "user" | "environment",
 *   chosen: () => string | undefined, choose: (id: string) => void, failed: (error: unknown) => void}} options
 * @returns {Shelf}
 */
export function shelf({ type, title, empty, camera, chosen, choose, failed }) {
  const row = h("div", { class: "tiles" });
  const hint = h("p", { class: "quiet-text" }, empty);
  /** @type {Set<HTMLElement>} */
  const coming = new Set();
  /** @type {Map<string, HTMLElement>} by the id of the picture */
  const tiles = new Map();

  const opener = (/** @type {Node} */ symbol, /** @type {string} */ label, /** @type {object} */ more) => {
    const input = h("input", {
      type: "file",
      class: "unseen",
      accept: ACCEPTED,
      "aria-label": `${label}: ${title.toLowerCase()}`,
      onchange: () => {
        add(input.files);
        input.value = "";
      },
      ...more,
    });
    return h("label", { class: "tile add" }, input, symbol, h("span", { "aria-hidden": "true" }, label));
  };
  const adders = [
    opener(icon("plus"), "Add", { multiple: true }),
    // Phones and tablets have a camera behind this; where there is none it would be a second Add.
    ...(matchMedia("(pointer: coarse)").matches ? [opener(icon("camera"), "Camera", { capture: camera })] : []),
  ];
  row.append(...adders);

  const tile = (/** @type {import("../store.js").Picture} */ picture) => {
    const input = h("input", {
      type: "radio",
      class: "unseen",
      name: type,
      value: picture.id,
      onchange: () => choose(picture.id),
    });
    return h("label", { class: "tile" }, input, h("img", { ...small(picture.url, "8rem"), alt: named(picture), loading: "lazy" }));
  };

  const draw = () => {
    const pictures = store.images.filter((picture) => picture.type === type);
    for (const picture of pictures) if (!tiles.has(picture.id)) tiles.set(picture.id, tile(picture));
    settle(row, [...adders, ...coming, ...pictures.map(({ id }) => /** @type {HTMLElement} */ (tiles.get(id)))]);
    for (const input of row.querySelectorAll("input[type=radio]")) input.checked = input.value === chosen();
    hint.hidden = pictures.length > 0 || coming.size > 0 || !store.ready;
  };

  const send = async (/** @type {File} */ file) => {
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Uploading" });
    const preview = URL.createObjectURL(file);
    const waiting = h("div", { class: "tile coming" }, h("img", { src: preview, alt: "" }), bar);
    coming.add(waiting);
    draw();
    try {
      const picture = await upload(await prepared(file), type, (share) => (bar.value = share));
      coming.delete(waiting);
      store.add(picture);
      choose(picture.id);
    } catch (error) {
      coming.delete(waiting);
      draw();
      failed(error);
    } finally {
      URL.revokeObjectURL(preview);
    }
  };

  const add = (/** @type {FileList | File[] | null | undefined} */ files) => {
    for (const file of files ?? []) send(file);
  };

  const element = h(
    "fieldset",
    { class: "shelf", ...droppable((files) => add(files)) },
    h("legend", {}, title),
    row,
    hint,
  );
  draw();
  return { element, draw, add };
}

/**
 * Makes these the children, in this order. Those that stay where they are are not touched, and keep the focus.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} children
 */
function settle(parent, children) {
  const wanted = new Set(children);
  for (const old of [...parent.children]) if (!wanted.has(/** @type {HTMLElement} */ (old))) old.remove();
  children.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

/**
 * Listeners that make an element take dropped files.
 * @param {(files: FileList) => void} take
 */
export function droppable(take) {
  const mark = (/** @type {DragEvent} */ event, /** @type {boolean} */ over) => {
    event.preventDefault();
    /** @type {HTMLElement} */ (event.currentTarget).classList.toggle("over", over);
  };
  return {
    ondragover: (/** @type {DragEvent} */ event) => mark(event, true),
    ondragleave: (/** @type {DragEvent} */ event) => mark(event, false),
    ondrop: (/** @type {DragEvent} */ event) => {
      mark(event, false);
      if (event.dataTransfer?.files.length) take(event.dataTransfer.files);
    },
  };
}
