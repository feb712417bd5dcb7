/** All pictures, to look at, keep, wear again or delete. */

import { compare } from "../compare.js";
import { fill, h, icon } from "../dom.js";
import { confirm, dialog, note } from "../feedback.js";
import { moment, named, small } from "../pictures.js";
import { keepers } from "../sharing.js";
import { follow, store } from "../store.js";
import { take } from "./studio.js";

/** @typedef {import("../store.js").Picture} Picture */

const FILTERS = [
  ["", "Everything"],
  ["generated", "Try-ons"],
  ["user", "Photos of you"],
  ["outfit", "Wardrobe"],
];
/** @type {Record<string, [string, string]>} */
const EMPTY = {
  "": ["Nothing here yet", "Your photos, outfits and try-ons will gather here."],
  generated: ["No try-ons yet", "Put a photo and an outfit together in the studio."],
  user: ["No photos of you yet", "Add one in the studio. Only you can see it."],
  outfit: ["Your wardrobe is empty", "Add the picture of an outfit in the studio."],
};

/**
 * @param {AbortSignal} signal
 * @returns {{title: string, element: HTMLElement}}
 */
export function gallery(signal) {
  const type = new URLSearchParams(location.search).get("type") ?? "";
  const known = type in EMPTY ? type : "";
  const filters = FILTERS.map(([value, label]) => {
    const href = value ? `/gallery?type=${value}` : "/gallery";
    return h("a", { class: "chip", href, "aria-current": value === known && "page" }, label);
  });
  const place = h("div", {});
  const draw = () => {
    if (!store.ready) return;
    const pictures = store.images.filter((picture) => !known || picture.type === known);
    fill(place, pictures.length ? h("ul", { class: "grid" }, pictures.map(item)) : nothing(known));
  };
  follow(store, ["images"], draw, signal);
  draw();
  const bar = h("nav", { class: "chips", "aria-label": "Which pictures" }, filters);
  return { title: "Gallery", element: h("div", { class: "page" }, h("h1", {}, "Gallery"), bar, place) };
}

/** @param {string} type */
function nothing(type) {
  const [title, text] = EMPTY[type];
  const link = h("a", { class: "button primary", href: "/" }, "Open the studio");
  return h("div", { class: "empty" }, icon("hanger"), h("h2", {}, title), h("p", {}, text), link);
}

/** @param {Picture} picture */
function item(picture) {
  const { url, width, height } = picture;
  const image = h("img", { ...small(url, "(max-width: 40rem) 50vw, 15rem"), alt: named(picture), width, height, loading: "lazy" });
  return h("li", {}, h("button", { type: "button", class: "print", onclick: () => view(picture) }, image));
}

/** @param {Picture} picture */
function view(picture) {
  const before = store.image(picture.metadata?.personImageId);
  const { url, width, height } = picture;
  const still = h("img", { src: url, alt: named(picture), width, height });
  const shown = before ? compare({ before: before.url, after: url, width, height }) : still;
  const again = h("button", { type: "button" }, icon("hanger"), picture.type === "outfit" ? "Try it on" : "Use in studio");
  const bin = h("button", { type: "button", class: "quiet danger-text" }, icon("bin"), "Delete");
  const frame = h("div", { class: "frame" }, shown);
  frame.style.setProperty("--ratio", String(width / height));
  const box = dialog(
    { user: "Photo of you", outfit: "Outfit", generated: "Try-on" }[picture.type],
    [
      frame,
      h("p", { class: "quiet-text" }, `${moment(picture.createdAt)} · ${width} × ${height}`),
      h("div", { class: "row" }, keepers(url), picture.type !== "generated" && again, bin),
    ],
    "viewer",
  );
  again.addEventListener("click", () => {
    take(picture);
    box.close();
    /** @type {HTMLAnchorElement | null} */ (document.querySelector("a.brand"))?.click();
  });
  bin.addEventListener("click", () =>
    confirm({
      title: "Delete this picture?",
      text: "It will be gone for good. Pictures made with it stay.",
      action: "Delete",
      work: async () => {
        await store.remove(picture);
        box.close();
        document.getElementById("main")?.focus({ preventScroll: true });
        note("Picture deleted.");
      },
    }),
  );
}
