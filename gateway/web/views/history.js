/** What was bought and spent. Nothing is shown where the API has no such list. */

import { api, sentence } from "../api.js";
import { fill, h } from "../dom.js";
import { alertBox, doing } from "../feedback.js";
import { moment } from "../pictures.js";

/** @type {Record<string, string>} */
const TYPES = { credit_purchase: "Credits bought", subscription: "Subscription", spending: "Try-on" };

/** @param {HTMLElement} place */
export async function showHistory(place) {
  const body = h("tbody", {});
  const older = h("button", { type: "button" }, "Show older ones");
  const alert = alertBox();
  let token = "";
  const more = async () => {
    const answer = await api("GET", `/api/billing/transactions?pageSize=20&pageToken=${encodeURIComponent(token)}`);
    body.append(...answer.transactions.map(row));
    token = answer.nextPageToken;
    older.hidden = !token;
  };
  older.addEventListener("click", () => doing(older, alert, more));
  try {
    await more();
  } catch (error) {
    sentence(error);
    return fill(place);
  }
  const titles = ["When", "What", "Credits"].map((title) => h("th", { scope: "col" }, title));
  const table = h("table", {}, h("thead", {}, h("tr", {}, titles)), body);
  fill(place, body.children.length > 0 && h("section", {}, h("h2", {}, "History"), table, alert.element, older));
}

/** @param {{type: string, plan: string, status: string, credits: number, createdAt: string}} transaction */
function row({ type, plan, status, credits, createdAt }) {
  const what = [TYPES[type] ?? type, type === "subscription" && plan, status !== "completed" && status];
  return h(
    "tr",
    {},
    h("td", {}, h("time", { datetime: createdAt }, moment(createdAt))),
    h("td", {}, what.filter(Boolean).join(", ")),
    h("td", { class: "amount" }, credits > 0 ? `+${credits}` : String(credits).replace("-", "−")),
  );
}
