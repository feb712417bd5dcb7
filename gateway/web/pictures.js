/** Photos before they are sent: turned into something the API takes, and no larger than is of use. */

import { ApiError } from "./api.js";

/** What the file dialogs offer. */
export const ACCEPTED = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif";

/** What many systems have no type for. */
const BY_NAME = /\.(avif|heic|heif)$/i;
const LONGEST_SIDE = 2048;
const MOST_BYTES = 4_500_000;
const SMALLER = 0.8;
const QUALITY = 0.9;

/**
 * The picture, at most 2048 pixels long and below the API's limit. One that is so already is sent as it is.
 * @param {File} file
 * @returns {Promise<Blob>}
 */
export async function prepared(file) {
  const known = ACCEPTED.split(",").includes(file.type) || BY_NAME.test(file.name);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // The API may know better, and has the sentence if it does not.
    if (known && file.size <= MOST_BYTES) return file;
    throw new ApiError("This file is not a picture we can read. Please choose a JPEG, PNG, WebP, AVIF or HEIC.", 400);
  }
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    if (known && longest <= LONGEST_SIDE && file.size <= MOST_BYTES) return file;
    // A cut-out keeps its transparency.
    const type = file.type === "image/png" || file.type === "image/webp" ? "image/webp" : "image/jpeg";
    let scale = Math.min(1, LONGEST_SIDE / longest);
    let blob = await drawn(bitmap, scale, type);
    while (blob.size > MOST_BYTES) {
      scale *= SMALLER;
      blob = await drawn(bitmap, scale, type);
    }
    return blob;
  } finally {
    bitmap.close();
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} scale
 * @param {string} type
 * @returns {Promise<Blob>}
 */
function drawn(bitmap, scale, type) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new ApiError("This picture is too large for your browser.", 400))),
      type,
      QUALITY,
    );
  });
}

/**
 * How a picture is called, for those who do not see it.
 * @param {{type: string, createdAt: string}} picture
 */
export function named(picture) {
  const names = { user: "Your photo", outfit: "Outfit", generated: "Try-on" };
  return `${names[/** @type {keyof typeof names} */ (picture.type)]} of ${moment(picture.createdAt)}`;
}

/**
 * The attributes of an image that is shown small: the API's copy that fits the screen, not the picture itself.
 * @param {string} url the picture's own
 * @param {string} sizes how wide it is shown, in CSS
 */
export function small(url, sizes) {
  const copy = (/** @type {number} */ width) => `${url}&w=${width}`;
  return { src: copy(320), srcset: `${copy(320)} 320w, ${copy(640)} 640w`, sizes };
}

/** @param {string} time ISO-8601 */
export function moment(time) {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** @param {string} time ISO-8601 */
export function day(time) {
  return new Date(time).toLocaleDateString(undefined, { dateStyle: "medium" });
}
