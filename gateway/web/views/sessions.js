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
  let answer;
  try {
    answer = await api("GET", "/api/auth/sessions");
  } catch (error) {
    sentence(error);
    place.hidden = true;
    return;
  }
  const alert = alertBox();
  const list = answer.sessions ?? [];
  const end = (/** @type {HTMLButtonElement} */ button, /** @type {string} */ path, /** @type {string} */ done) =>
    doing(button, alert, async () => {
      await api("DELETE", path);
      note(done);
      await load(place);
    });
  const rows = list.map((/** @type {any} */ session) => {
    const last = session.lastUsedAt ?? session.lastSeenAt ?? session.createdAt;
    const out = h("button", { type: "button", class: "quiet" }, "Sign out");
    out.addEventListener("click", () => end(out, `/api/auth/sessions/${encodeURIComponent(session.id)}`, "Signed out there."));
    return h(
      "li",
      { class: "row spread" },
      h("span", {}, device(session.userAgent), h("small", {}, `Last used ${moment(last)}`)),
      session.current ? h("span", { class: "badge" }, "This device") : out,
    );
  });
  const others = h("button", { type: "button" }, "Sign out everywhere else");
  others.addEventListener("click", () => end(others, "/api/auth/sessions", "Signed out everywhere else."));
  fill(place, h("h2", {}, "Signed in"), h("ul", { class: "plain lines" }, rows), alert.element, rows.length > 1 && others);
  place.hidden = rows.length === 0;
}

/**
 * A browser and a system, as far as they tell.
 * @param {string} [agent]
 */
function device(agent = "") {
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const system = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["Linux", "Linux"]];
  const found = (/** @type {string[][]} */ names) => names.find(([mark]) => agent.includes(mark))?.[1];
  return [found(browser), found(system)].filter(Boolean).join(" on ") || "A device";
}
