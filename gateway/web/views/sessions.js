/** Where the person is signed in. Nothing is shown where the API has no such list. */

import { api, sentence } from "../api.js";
import { fill, h } from "../dom.js";
import { alertBox, doing, note } from "../feedback.js";
import { moment } from "../pictures.js";

/** @returns {HTMLElement} */
export function sessions() {
  const place = h("section", { class: "card stack" });
  place.hidden = true;
  load(place);
  return place;
}

/** @param {HTMLElement} place */
async function load(place) {
  let list;
  try {
    list = (await api("GET", "/api/auth/sessions")).sessions;
  } catch (error) {
    sentence(error);
    return;
  }
  const alert = alertBox();
  const end = (/** @type {HTMLButtonElement} */ button, /** @type {string} */ path, /** @type {string} */ done) =>
    doing(button, alert, async () => {
      await api("DELETE", path);
      note(done);
      await load(place);
    });
  const rows = list.map((/** @type {any} */ session) => {
    const device = session.device || "A device";
    const out = h("button", { type: "button", class: "quiet", "aria-label": `Sign out: ${device}` }, "Sign out");
    out.addEventListener("click", () => end(out, `/api/auth/sessions/${encodeURIComponent(session.id)}`, "Signed out there."));
    return h(
      "li",
      { class: "row spread" },
      h("span", {}, device, h("small", {}, `Last used ${moment(session.lastUsedAt ?? session.createdAt)}`)),
      session.current ? h("span", { class: "badge" }, "This device") : out,
    );
  });
  const others = h("button", { type: "button" }, "Sign out everywhere else");
  others.addEventListener("click", () => end(others, "/api/auth/sessions", "Signed out everywhere else."));
  fill(place, h("h2", {}, "Signed in"), h("ul", { class: "plain lines" }, rows), alert.element, rows.length > 1 && others);
  place.hidden = rows.length === 0;
}
