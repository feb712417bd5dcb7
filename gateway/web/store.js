/** What the page knows: who is signed in, their credits and their pictures. Tabs tell each other of changes. */

import { api, ApiError, refusals } from "./api.js";

/**
 * @typedef {{id: string, email: string, name?: string, credits?: number, subscription?: string}} User
 * @typedef {{id: string, type: "user" | "outfit" | "generated", url: string, createdAt: string, width: number,
 *   height: number, metadata?: {personImageId?: string, outfitImageId?: string, engine?: string}}} Picture
 */

class Store extends EventTarget {
  /** @type {User | null} */
  user = null;
  /** @type {number | null} */
  credits = null;
  /** @type {Picture[]} newest first */
  images = [];
  /** Whether `images` has been loaded. */
  ready = false;

  /** @type {BroadcastChannel} */
  #tabs = new BroadcastChannel("drape");

  constructor() {
    super();
    refusals.addEventListener("signed-out", () => this.#forget());
    this.#tabs.addEventListener("message", ({ data }) => this.#heard(data));
  }

  /** Asks who is signed in. Nobody is an answer too; throws when there is none. */
  async open() {
    try {
      this.#know((await api("GET", "/api/auth/profile")).user);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
  }

  /**
   * @param {"login" | "register"} way
   * @param {Record<string, string>} form
   */
  async signIn(way, form) {
    const { user } = await api("POST", `/api/auth/${way}`, form);
    this.#know(user);
    this.#tabs.postMessage("session");
  }

  async signOut() {
    await api("POST", "/api/auth/logout");
    this.leave();
  }

  /** The session is over, here and in the other tabs. */
  leave() {
    this.#forget();
    this.#tabs.postMessage("session");
  }

  /** @param {User} user */
  update(user) {
    this.#know({ ...this.user, ...user });
    this.#tabs.postMessage("session");
  }

  async loadImages() {
    this.images = (await api("GET", "/api/images")).images;
    this.ready = true;
    this.#tell("images");
  }

  async loadCredits() {
    const balance = await api("GET", "/api/billing/balance");
    this.credits = balance.credits;
    this.#tell("credits");
    return balance;
  }

  /** Pictures or credits have changed: tells every tab. */
  changed() {
    this.#tabs.postMessage("changed");
    return this.reload();
  }

  /** What may have changed while nobody looked. Failing is no news: what is shown stays. */
  async reload() {
    if (this.user) await Promise.allSettled([this.loadImages(), this.loadCredits()]);
  }

  /** @param {Picture} picture */
  add(picture) {
    this.images = [picture, ...this.images.filter((known) => known.id !== picture.id)];
    this.#tell("images");
    this.#tabs.postMessage("changed");
  }

  /** @param {Picture} picture */
  async remove(picture) {
    try {
      await api("DELETE", `/api/images/${encodeURIComponent(picture.id)}`);
    } catch (error) {
      // Another tab was faster.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    this.images = this.images.filter((known) => known.id !== picture.id);
    this.#tell("images");
    this.#tabs.postMessage("changed");
  }

  /** @param {string | undefined} id */
  image(id) {
    return this.images.find((picture) => picture.id === id);
  }

  /** @param {string} what */
  #heard(what) {
    if (what === "changed") {
      this.reload();
      this.#tell("elsewhere");
    } else {
      this.open().catch(() => {});
    }
  }

  /** @param {User} user */
  #know(user) {
    const other = this.user?.id !== user.id;
    if (other) this.#clear();
    this.user = user;
    this.credits = user.credits ?? this.credits;
    this.#tell(other ? "session" : "user");
    this.#tell("credits");
  }

  #forget() {
    if (!this.user) return;
    this.user = null;
    this.#clear();
    this.#tell("session");
  }

  #clear() {
    this.credits = null;
    this.images = [];
    this.ready = false;
  }

  /** @param {string} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

export const store = new Store();

/**
 * Calls back on changes until the signal ends it.
 * @param {EventTarget} target
 * @param {string[]} names
 * @param {() => void} callback
 * @param {AbortSignal} signal
 */
export function follow(target, names, callback, signal) {
  for (const name of names) target.addEventListener(name, callback, { signal });
}
