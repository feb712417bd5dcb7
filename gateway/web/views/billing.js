/** Credits: how many there are, how to get more, and where they went. */

import { api, newKey } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { alertBox, doing } from "../feedback.js";
import { day } from "../pictures.js";
import { follow, store } from "../store.js";
import { showHistory } from "./history.js";

const BEFORE = "credits-before";
/** A payment is told to us by the payment provider, a moment after the browser is back. */
const LOOKS = 20;
const LOOK_MILLISECONDS = 750;

/** @type {Record<string, string>} */
const SOURCES = {
  signup: "Welcome gift",
  purchase: "Bought",
  subscription: "Subscription",
  promotion: "Gift",
  adjustment: "Adjustment",
};

/**
 * @param {AbortSignal} signal
 * @returns {{title: string, element: HTMLElement}}
 */
export function billing(signal) {
  const balance = h("div", { class: "balance card" });
  const shop = h("div", { class: "shop" });
  const past = h("div", {});
  const returned = h("div", { role: "status" });
  const alert = alertBox();
  const load = async () => {
    try {
      const [answer, pricing] = await Promise.all([store.loadCredits(), api("GET", "/api/billing/pricing")]);
      drawBalance(balance, answer);
      fill(shop, offers(pricing, answer.subscription, alert));
    } catch (error) {
      alert.show(error);
    }
    await showHistory(past);
  };
  welcomeBack(returned, signal).then(load);
  addEventListener("online", load, { signal });
  follow(store, ["elsewhere"], load, signal);
  const element = h("div", { class: "page middle" }, h("h1", {}, "Credits"), returned, alert.element, balance, shop, past);
  return { title: "Credits", element };
}

/**
 * @param {HTMLElement} place
 * @param {{credits: number, held: number, subscription: string, grants: any[]}} answer
 */
function drawBalance(place, { credits, held, grants }) {
  const lines = grants
    .filter((grant) => grant.credits > 0)
    .map((grant) => {
      const ends = grant.expiresAt ? `until ${day(grant.expiresAt)}` : "no end date";
      return h("li", {}, `${SOURCES[grant.source] ?? grant.source}: ${grant.credits} left, ${ends}`);
    });
  fill(
    place,
    h("p", { class: "number" }, h("strong", {}, String(credits)), credits === 1 ? "credit" : "credits"),
    h(
      "div",
      {},
      h("p", {}, credits ? `Enough for ${credits === 1 ? "one try-on" : `${credits} try-ons`}.` : "Time for a few more."),
      held > 0 && h("p", { class: "quiet-text" }, `${held} set aside for what is being made.`),
      lines.length > 0 && h("ul", { class: "plain quiet-text" }, lines),
    ),
  );
}

/**
 * @param {any} pricing
 * @param {string} current the plan the person has
 * @param {ReturnType<typeof alertBox>} alert
 */
function offers(pricing, current, alert) {
  const packages = Object.entries(pricing.creditPackages).map(([plan, { credits, price }]) =>
    offer({ plan, type: "credits" }, `${credits} credits`, money(price), "", each(price, credits), "Buy", alert),
  );
  const plans = Object.entries(pricing.subscriptions)
    .filter(([, { price }]) => price > 0)
    .map(([plan, { name, credits, price }]) =>
      plan === current
        ? subscribed(name, credits, alert)
        : offer(
            { plan: plan.toLowerCase(), type: "subscription" },
            name,
            money(price),
            "a month",
            `${credits} credits every month, ${each(price, credits)}`,
            "Subscribe",
            alert,
          ),
    );
  return [
    h("section", {}, h("h2", {}, "Buy once"), h("ul", { class: "offers" }, packages)),
    h("section", {}, h("h2", {}, "Every month"), h("ul", { class: "offers" }, plans)),
  ];
}

/**
 * @param {{plan: string, type: string}} order
 * @param {string} title
 * @param {string} price
 * @param {string} period
 * @param {string} detail
 * @param {string} action
 * @param {ReturnType<typeof alertBox>} alert
 */
function offer(order, title, price, period, detail, action, alert) {
  const key = newKey();
  const buy = h("button", { type: "button", "aria-label": `${action}: ${title}, ${price} ${period}` }, action);
  buy.addEventListener("click", () =>
    doing(buy, alert, async () => {
      const { url } = await api("POST", "/api/billing/checkout", order, { key });
      sessionStorage.setItem(BEFORE, String(store.credits ?? ""));
      location.assign(url);
    }),
  );
  const cost = h("p", { class: "price" }, price, period && h("small", {}, period));
  return h("li", { class: "card offer" }, h("h3", {}, title), cost, h("p", { class: "quiet-text" }, detail), buy);
}

/**
 * @param {string} name
 * @param {number} credits
 * @param {ReturnType<typeof alertBox>} alert
 */
function subscribed(name, credits, alert) {
  const manage = h("button", { type: "button" }, "Manage");
  manage.addEventListener("click", () =>
    doing(manage, alert, async () => location.assign((await api("POST", "/api/billing/portal", {})).url)),
  );
  const yours = h("p", { class: "price" }, icon("check"), "Your plan");
  const detail = h("p", { class: "quiet-text" }, `${credits} credits every month`);
  return h("li", { class: "card offer current" }, h("h3", {}, name), yours, detail, manage);
}

/**
 * What to say after the payment page; waits until the credits are there.
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
async function welcomeBack(place, signal) {
  const query = new URLSearchParams(location.search);
  const tell = (/** @type {string} */ text) => fill(place, h("p", { class: "notice" }, icon("check"), h("span", {}, text)));
  if (!query.has("success") && !query.has("canceled")) return;
  // A reload, or a bookmark, is no second purchase.
  history.replaceState(null, "", location.pathname);
  if (query.has("canceled")) return tell("Nothing was bought, and nothing was charged.");
  const before = sessionStorage.getItem(BEFORE);
  sessionStorage.removeItem(BEFORE);
  tell("Thank you. Your credits are on their way…");
  for (let look = 0; look < LOOKS && !signal.aborted; look++) {
    const { credits } = await store.loadCredits().catch(() => ({ credits: null }));
    if (credits !== null && (before === null || credits > Number(before))) {
      await store.changed();
      return tell("Thank you. Your credits are here.");
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
  }
  tell("Thank you. Your credits will be here as soon as your payment is confirmed.");
}

/** @param {number} amount in US dollars */
function money(amount) {
  return amount.toLocaleString(undefined, { style: "currency", currency: "USD" });
}

/**
 * @param {number} price
 * @param {number} credits
 */
function each(price, credits) {
  return `${money(price / credits)} a try-on`;
}
