/** Talking to the gateway. The session is in cookies that scripts cannot read; nothing of it is kept here. */

/** What the API refused, with its sentence for a person. A status of 0 means that no answer came. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {string} reason
   */
  constructor(message, status, reason = "") {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Tells `signed-out` when a request was refused for want of a session. */
export const refusals = new EventTarget();

const OFFLINE = "You are offline. Please try again when you are connected.";
const UNREACHABLE = "We could not reach the server. Please check your connection and try again.";
const WRONG = "Something went wrong. Please try again later.";

/**
 * Asks the API and returns what it answers.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {{key?: string}} [options] `key` makes it safe to ask again after no answer came
 * @returns {Promise<any>}
 */
export async function api(method, path, body, { key } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let answer, text;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    text = await answer.text();
  } catch {
    throw unanswered();
  }
  return read(answer.status, text, path);
}

/**
 * Uploads a picture and tells how much of it is there, 0 to 1.
 * @param {Blob} file
 * @param {"user" | "outfit"} type
 * @param {(share: number) => void} progress
 * @returns {Promise<any>} the image
 */
export function upload(file, type, progress) {
  const form = new FormData();
  form.append("type", type);
  form.append("image", file, "picture");
  const path = "/api/images/upload";
  // fetch cannot tell how far an upload is.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(unanswered()));
    request.addEventListener("load", () => {
      try {
        resolve(read(request.status, request.responseText, path).image);
      } catch (error) {
        reject(error);
      }
    });
    request.open("POST", path);
    request.send(form);
  });
}

/** A new idempotency key. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The sentence to show for anything that was thrown.
 * @param {unknown} error
 */
export function sentence(error) {
  if (error instanceof ApiError) return error.message;
  console.error(error);
  return WRONG;
}

function unanswered() {
  return new ApiError(navigator.onLine ? UNREACHABLE : OFFLINE, 0, "NO_ANSWER");
}

/**
 * @param {number} status
 * @param {string} text
 * @param {string} path
 */
function read(status, text, path) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError(WRONG, status);
  }
  if (status < 400) return body;
  if (status === 401 && path !== "/api/auth/login") refusals.dispatchEvent(new Event("signed-out"));
  throw new ApiError(body.message || WRONG, status, body.details?.[0]?.reason);
}
