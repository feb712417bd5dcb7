/** The large picture of the studio: the photo, then the work on it, then before and after. */

import { compare } from "../compare.js";
import { fill, h, icon } from "../dom.js";
import { jobs } from "../jobs.js";
import { ACCEPTED, named, small } from "../pictures.js";
import { keepers } from "../sharing.js";
import { store } from "../store.js";

/**
 * @param {{add: (files: FileList) => void, cancel: (button: HTMLButtonElement) => void, again: () => void}} options
 * @returns {{element: HTMLElement, status: HTMLElement, draw: (personId?: string, outfitId?: string) => void}}
 */
export function stage({ add, cancel, again }) {
  const element = h("div", { class: "stage" });
  const below = h("div", { class: "below" });
  const status = h("p", { class: "unseen", role: "status" });
  const bar = h("progress", { max: 100, "aria-label": "Progress of the try-on" });
  const words = h("p", { class: "work-words" });
  const stop = h("button", { type: "button", class: "quiet", onclick: () => cancel(stop) }, "Cancel");
  const work = h("div", { class: "work" }, words, bar, stop);
  /** What is shown now: it is only built anew when it is another. */
  let shown = "";

  const draw = (/** @type {string | undefined} */ personId, /** @type {string | undefined} */ outfitId) => {
    const job = jobs.current;
    const person = store.image(job?.personImageId ?? personId);
    const outfit = store.image(job?.outfitImageId ?? outfitId);
    if (job && jobs.busy) {
      bar.value = job.progress;
      if (job.status === "queued") bar.removeAttribute("value");
      words.textContent = progressWords(job);
      say(progressWords(job));
    }
    const now = [job?.id, job?.status === "queued" ? "running" : job?.status, person?.id, outfit?.id, store.ready].join();
    if (now === shown) return;
    shown = now;
    build(person, outfit);
  };

  const say = (/** @type {string} */ text) => {
    if (status.textContent !== text) status.textContent = text;
  };

  const build = (
    /** @type {import("../store.js").Picture | undefined} */ person,
    /** @type {import("../store.js").Picture | undefined} */ outfit,
  ) => {
    const job = jobs.current;
    element.style.setProperty("--ratio", person ? String(person.width / person.height) : "0.8");
    element.classList.toggle("working", jobs.busy);
    fill(below);
    if (job?.status === "succeeded" && job.image) {
      const result = job.image;
      const picture = h("img", { src: result.url, alt: "You in the outfit" });
      fill(element, person ? compare({ before: person.url, after: result.url, ...person }) : picture);
      fill(below, keepers(result.url), h("button", { type: "button", class: "quiet", onclick: again }, "Try another"));
      say("Your picture is ready.");
      return;
    }
    if (!person) return fill(element, store.ready && beginning(add));
    const photo = h("img", { class: "photo", src: person.url, alt: named(person) });
    const piece = outfit && h("img", { class: "piece", ...small(outfit.url, "8rem"), alt: named(outfit) });
    fill(element, photo, piece, jobs.busy && work);
    if (job && !jobs.busy) ended(job);
  };

  const ended = (/** @type {import("../jobs.js").Job} */ job) => {
    const canceled = job.status === "canceled";
    const text = canceled ? "Canceled." : job.error?.message;
    const line = h("span", {}, `${text} `, h("strong", {}, canceled ? "You have your credit back." : "It cost no credit."));
    fill(below, h("p", { class: canceled ? "notice" : "alert" }, icon(canceled ? "check" : "alert"), line));
    say(line.textContent);
  };

  return { element: h("section", { class: "stage-place", "aria-label": "Picture" }, element, below, status), status, draw };
}

/** @param {import("../jobs.js").Job} job */
function progressWords(job) {
  if (job.status === "queued") {
    const before = job.queuePosition ?? 0;
    if (before === 0) return "Next in line…";
    return before === 1 ? "One try-on is before yours…" : `${before} try-ons are before yours…`;
  }
  if (job.stage === "generating") return "Putting it on…";
  return job.stage === "storing" || job.stage === "done" ? "Finishing…" : "Looking at both pictures…";
}

/** @param {(files: FileList) => void} add */
function beginning(add) {
  const input = h("input", {
    type: "file",
    class: "unseen",
    accept: ACCEPTED,
    "aria-label": "Choose a photo of yourself",
    onchange: () => add(input.files),
  });
  return h(
    "div",
    { class: "beginning" },
    icon("account"),
    h("h2", {}, "Start with a photo of yourself"),
    h("p", {}, "Facing the camera, arms a little apart, in good light. Only you can see it."),
    h("label", { class: "button primary" }, input, "Choose a photo"),
    h("p", { class: "quiet-text drop-hint" }, "or drop one here"),
  );
}
