/** Where a photo and an outfit become a picture. */

import { api } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { alertBox, doing } from "../feedback.js";
import { jobs } from "../jobs.js";
import { follow, store } from "../store.js";
import { droppable, shelf } from "./shelf.js";
import { stage } from "./stage.js";

const KEPT = "selection";
const CATEGORIES = [
  ["auto", "Let Drape decide"],
  ["tops", "Top"],
  ["bottoms", "Bottom"],
  ["onePieces", "One piece"],
];
const GARMENT_PHOTOS = [
  ["auto", "Let Drape decide"],
  ["flatLay", "Laid flat"],
  ["model", "Worn by somebody"],
];

/** What is chosen. It outlasts a reload, but not the tab. */
const selection = {
  /** @type {Record<string, string>} */
  ids: JSON.parse(sessionStorage.getItem(KEPT) ?? "{}"),

  /** @param {"user" | "outfit"} type */
  of(type) {
    const picture = store.image(this.ids[type]) ?? store.images.find((known) => known.type === type);
    return picture?.id;
  },

  /**
   * @param {"user" | "outfit"} type
   * @param {string} id
   */
  set(type, id) {
    this.ids[type] = id;
    sessionStorage.setItem(KEPT, JSON.stringify(this.ids));
  },
};

/**
 * Chooses a picture for the next visit of the studio.
 * @param {import("../store.js").Picture} picture
 */
export function take(picture) {
  if (picture.type !== "generated") selection.set(picture.type, picture.id);
}

/**
 * @param {AbortSignal} signal
 * @returns {{title: string, element: HTMLElement}}
 */
export function studio(signal) {
  const alert = alertBox();
  const hints = h("div", { class: "hints", role: "status" });
  const button = h("button", { class: "primary wide" }, icon("hanger"), "Try it on");
  const cost = h("p", { class: "quiet-text centre" });
  const choose = (/** @type {"user" | "outfit"} */ type) => (/** @type {string} */ id) => {
    selection.set(type, id);
    alert.clear();
    if (!jobs.busy) jobs.show(null);
    draw();
    check();
  };
  const shared = (/** @type {"user" | "outfit"} */ type) => ({
    type,
    chosen: () => selection.of(type),
    choose: choose(type),
    failed: alert.show,
  });
  const people = shelf({
    ...shared("user"),
    title: "You",
    empty: "No photo of you yet.",
    camera: "environment",
  });
  const wardrobe = shelf({
    ...shared("outfit"),
    title: "Wardrobe",
    empty: "Your wardrobe is empty. A shop's picture of a shirt, trousers or a dress is a good start.",
    camera: "environment",
  });
  const show = stage({
    add: (files) => people.add(files),
    cancel: (stop) => doing(stop, alert, () => jobs.cancel()),
    again: () => jobs.show(null),
  });

  const draw = () => {
    people.draw();
    wardrobe.draw();
    redraw();
  };
  const redraw = () => {
    const [person, outfit] = [selection.of("user"), selection.of("outfit")];
    show.draw(person, outfit);
    const missing = !person || !outfit;
    button.hidden = jobs.busy;
    button.disabled = missing;
    fill(cost, costWords(missing));
  };

  // What is wrong with the pictures costs nothing to know. Their sentences stand until others are chosen.
  let checked = "";
  const check = async () => {
    const pair = { personImageId: selection.of("user"), outfitImageId: selection.of("outfit") };
    if (JSON.stringify(pair) === checked || !(pair.personImageId || pair.outfitImageId)) return;
    checked = JSON.stringify(pair);
    fill(hints);
    const answer = await api("POST", "/api/tryon/check", pair).catch(() => ({ problems: [] }));
    if (checked !== JSON.stringify(pair)) return;
    fill(hints, answer.problems.map((/** @type {{message: string}} */ problem) => hint(problem.message)));
  };

  const form = h(
    "form",
    { class: "panel", onsubmit: submit },
    h("h1", {}, "Try something on"),
    people.element,
    wardrobe.element,
    options(),
    hints,
    alert.element,
    h("div", { class: "go" }, button, cost),
  );
  function submit(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const [personImageId, outfitImageId] = [selection.of("user"), selection.of("outfit")];
    if (!personImageId || !outfitImageId || jobs.busy) return;
    const data = new FormData(form);
    const spec = {
      personImageId,
      outfitImageId,
      category: String(data.get("category")),
      garmentPhotoType: String(data.get("garmentPhotoType")),
    };
    doing(button, alert, async () => {
      await jobs.start(spec);
      show.element.scrollIntoView({ block: "nearest" });
    });
  }

  follow(store, ["images"], () => (draw(), check()), signal);
  follow(store, ["credits"], redraw, signal);
  follow(jobs, ["change"], redraw, signal);
  Object.entries(droppable(dropped)).forEach(([name, listener]) =>
    show.element.addEventListener(name.slice(2), /** @type {EventListener} */ (listener)),
  );
  function dropped(/** @type {FileList} */ files) {
    (selection.of("user") ? wardrobe : people).add(files);
  }
  draw();
  if (store.ready) check();
  return { title: "Studio", element: h("div", { class: "studio" }, show.element, form) };
}

/** @param {boolean} missing */
function costWords(missing) {
  if (jobs.busy) return ["You can leave this page. The picture will be in your gallery."];
  if (missing && store.ready) return ["Choose a photo and an outfit first."];
  if (store.credits === 0) return ["You have no credits left. ", h("a", { href: "/billing" }, "Get more")];
  return ["Costs 1 credit, and only if it works."];
}

/** @param {string} text */
function hint(text) {
  return h("p", { class: "notice" }, icon("alert"), h("span", {}, text));
}

function options() {
  return h(
    "details",
    { class: "options" },
    h("summary", {}, "Options"),
    h(
      "div",
      { class: "stack" },
      choice("category", "Kind of garment", CATEGORIES),
      choice("garmentPhotoType", "The outfit's picture shows it", GARMENT_PHOTOS),
    ),
  );
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string[][]} values
 */
function choice(name, label, values) {
  const id = `option-${name}`;
  const list = values.map(([value, text]) => h("option", { value }, text));
  return h("div", { class: "field" }, h("label", { for: id }, label), h("select", { id, name }, list));
}
