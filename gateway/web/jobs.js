/** The try-on that is being made: started here, watched live, found again after a reload. */

import { api, ApiError, newKey } from "./api.js";
import { store } from "./store.js";

/**
 * @typedef {{id: string, status: "queued" | "running" | "succeeded" | "failed" | "canceled", stage: string,
 *   progress: number, personImageId: string, outfitImageId: string, queuePosition?: number,
 *   image?: {id: string, url: string}, error?: {reason: string, message: string}}} Job
 */

const KEPT = "job";
const FINISHED = new Set(["succeeded", "failed", "canceled"]);
const RETRY_MILLISECONDS = 2000;

class Jobs extends EventTarget {
  /** @type {Job | null} the one that is shown */
  current = null;

  /** @type {EventSource | null} */
  #events = null;
  #request = { text: "", key: "" };
  #retry = 0;

  constructor() {
    super();
    store.addEventListener("session", () => (this.current || !store.user) && this.show(null));
    // Another tab has begun one, perhaps.
    store.addEventListener("elsewhere", () => this.resume().catch(() => {}));
    addEventListener("online", () => this.#again());
  }

  get busy() {
    return this.current !== null && !FINISHED.has(this.current.status);
  }

  /** Finds the job that a link names (`/?job=…`), that was shown before a reload, or that another tab has begun. */
  async resume() {
    if (this.busy) return;
    const named = new URLSearchParams(location.search).get("job");
    if (named) {
      sessionStorage.setItem(KEPT, named);
      history.replaceState(null, "", location.pathname);
      this.current = null;
    }
    const kept = this.current ? null : sessionStorage.getItem(KEPT);
    if (kept) {
      // An account of another person does not know it.
      const answer = await api("GET", `/api/tryon/jobs/${encodeURIComponent(kept)}`).catch(() => null);
      if (answer && !this.current) return this.#watch(answer.job);
    }
    const { jobs } = await api("GET", "/api/tryon/jobs?pageSize=5");
    const unfinished = jobs.find((/** @type {Job} */ job) => !FINISHED.has(job.status));
    if (unfinished && !this.busy) this.#watch(unfinished);
  }

  /**
   * Begins a job. Asking again for the same after no answer came is the same request, and costs once.
   * @param {Record<string, string>} spec
   */
  async start(spec) {
    const text = JSON.stringify(spec);
    if (this.#request.text !== text) this.#request = { text, key: newKey() };
    try {
      const { job } = await api("POST", "/api/tryon/jobs", spec, { key: this.#request.key });
      this.#request = { text: "", key: "" };
      this.#watch(job);
    } catch (error) {
      if (error instanceof ApiError && error.status) this.#request = { text: "", key: "" };
      throw error;
    }
    store.changed();
  }

  async cancel() {
    if (!this.current) return;
    try {
      this.#take((await api("POST", `/api/tryon/jobs/${this.current.id}/cancel`, {})).job);
    } catch (error) {
      // Too late: it is finished, which the events will tell, or have told.
      if (!(error instanceof ApiError && error.reason === "JOB_ALREADY_FINISHED")) throw error;
    }
  }

  /** @param {Job | null} job */
  show(job) {
    this.#close();
    this.current = job;
    if (job) sessionStorage.setItem(KEPT, job.id);
    else sessionStorage.removeItem(KEPT);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Job} job */
  #watch(job) {
    this.show(job);
    if (!this.busy) return;
    this.#events = new EventSource(`/api/tryon/jobs/${encodeURIComponent(job.id)}/events`);
    this.#events.addEventListener("message", ({ data }) => this.#take(JSON.parse(data).job));
    this.#events.addEventListener("error", () => {
      // While it says that it is connecting, the browser tries again by itself.
      if (this.#events?.readyState === EventSource.CLOSED) {
        this.#retry = setTimeout(() => this.#again(), RETRY_MILLISECONDS);
      }
    });
  }

  /** The stream was refused: asks for the job itself, and watches again if there is more to come. */
  async #again() {
    const job = this.current;
    if (!job || !this.busy) return;
    clearTimeout(this.#retry);
    try {
      const answer = await api("GET", `/api/tryon/jobs/${encodeURIComponent(job.id)}`);
      if (this.current?.id !== job.id) return;
      if (FINISHED.has(answer.job.status)) this.#take(answer.job);
      else this.#watch(answer.job);
    } catch (error) {
      if (error instanceof ApiError && [401, 404].includes(error.status)) this.show(null);
      else this.#retry = setTimeout(() => this.#again(), RETRY_MILLISECONDS);
    }
  }

  /** @param {Job} job */
  #take(job) {
    if (job.id !== this.current?.id || !this.busy) return;
    this.current = job;
    const finished = FINISHED.has(job.status);
    if (finished) this.#close();
    this.dispatchEvent(new Event("change"));
    if (finished) {
      this.dispatchEvent(new Event("finished"));
      store.changed();
    }
  }

  #close() {
    clearTimeout(this.#retry);
    this.#events?.close();
    this.#events = null;
  }
}

export const jobs = new Jobs();
