/** The person's own: name, e-mail, password, where they are signed in, and the way out. */

import { api } from "../api.js";
import { h } from "../dom.js";
import { alertBox, confirm, doing, field, note } from "../feedback.js";
import { store } from "../store.js";
import { sessions } from "./sessions.js";

/** @returns {{title: string, element: HTMLElement}} */
export function account() {
  const parts = [profile(), confirmation(), password(), sessions(), leaving()];
  return { title: "Account", element: h("div", { class: "page narrow" }, h("h1", {}, "Account"), parts) };
}

function profile() {
  const { name = "", email = "" } = store.user ?? {};
  const current = field(
    "Current password",
    { name: "currentPassword", id: "profile-password", type: "password", autocomplete: "current-password" },
    "Needed for a new e-mail.",
  );
  current.hidden = true;
  const form = section("Profile", "Save", "Profile saved.", [
    field("Name", { name: "name", autocomplete: "name", maxlength: 100, value: name }),
    field("E-mail", { name: "email", type: "email", autocomplete: "email", autocapitalize: "none", value: email }),
    current,
  ]);
  // Asked for only when it is needed.
  form.addEventListener("input", () => {
    const changed = new FormData(form).get("email") !== email;
    current.hidden = !changed;
  });
  return form;
}

/** For who has lost the mail with the link. */
function confirmation() {
  const alert = alertBox();
  const again = h("button", { type: "button", class: "quiet" }, "Mail the link that confirms my address again");
  again.addEventListener("click", () =>
    doing(again, alert, async () => note((await api("POST", "/api/auth/email/resend", {})).message)),
  );
  return h("div", {}, again, alert.element);
}

function password() {
  return section("Password", "Change password", "Password changed.", [
    // For password managers, which want to know whose it is.
    h("input", { type: "text", autocomplete: "username", value: store.user?.email, hidden: true, "aria-hidden": "true" }),
    field("Current password", { name: "currentPassword", type: "password", autocomplete: "current-password" }),
    field("New password", { name: "password", type: "password", autocomplete: "new-password" }, "At least 8 characters."),
  ]);
}

/**
 * A form that changes the profile.
 * @param {string} title
 * @param {string} action
 * @param {string} done
 * @param {HTMLElement[]} fields
 */
function section(title, action, done, fields) {
  const alert = alertBox();
  const button = h("button", {}, action);
  const form = h("form", { class: "card stack", novalidate: true }, h("h2", {}, title), fields, alert.element, button);
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    doing(button, alert, async () => {
      const values = Object.fromEntries(new FormData(form));
      const { user } = await api("PUT", "/api/user/profile", values);
      store.update(user);
      for (const input of form.querySelectorAll("input[type=password]")) input.value = "";
      const waits = values.email && String(values.email).toLowerCase() !== user.email.toLowerCase();
      note(waits ? "We have sent a link to the new address. It counts once you have opened it." : done);
    });
  });
  return form;
}

function leaving() {
  const alert = alertBox();
  const out = h("button", { type: "button" }, "Sign out");
  out.addEventListener("click", () => doing(out, alert, () => store.signOut()));
  const remove = h("button", { type: "button", class: "quiet danger-text", onclick: removing }, "Delete account");
  return h("section", { class: "stack" }, alert.element, h("div", { class: "row spread" }, out, remove));
}

function removing() {
  confirm({
    title: "Delete your account?",
    text: "Your photos, outfits, try-ons and credits are deleted with it, at once and for good.",
    action: "Delete everything",
    fields: [field("Password", { name: "password", id: "delete-password", type: "password", autocomplete: "current-password" })],
    work: async (form) => {
      // An empty password is sent as one, so that a slip of the hand deletes nothing.
      await api("DELETE", "/api/user/account", { password: String(form.get("password")) || " " });
      note("Your account is deleted.");
      store.leave();
    },
  });
}
