// @ts-check
/** From a new account to a try-on: node example.mjs http://localhost:8080 person.jpg outfit.png result.jpg */

import { readFile, writeFile } from "node:fs/promises";
import { drape } from "./index.js";

const [baseUrl = "", person = "", outfit = "", result = ""] = process.argv.slice(2);

/**
 * What came, or an error with the sentence of the API.
 * @template T
 * @param {{data?: T, error?: import("./index.js").Schemas["Error"]}} answer
 * @returns {T}
 */
function given({ data, error }) {
  if (data === undefined) throw new Error(error?.message ?? "no answer");
  return data;
}

const email = `example-${crypto.randomUUID()}@example.com`;
const { token } = given(
  await drape({ baseUrl }).POST("/api/auth/register", { body: { email, password: "correct horse" } }),
);
const api = drape({ baseUrl, token });

/**
 * @param {"user" | "outfit"} type
 * @param {string} file
 */
async function upload(type, file) {
  const form = new FormData();
  form.set("type", type);
  form.set("image", new Blob([await readFile(file)]));
  const body = { type, image: "" }; // what the form says, in the words of the types
  return given(await api.POST("/api/images/upload", { body, bodySerializer: () => form })).image;
}

const spec = {
  personImageId: (await upload("user", person)).id,
  outfitImageId: (await upload("outfit", outfit)).id,
};
const { image } = given(await api.POST("/api/tryon/generate", { body: spec }));
if (!image) throw new Error("It takes longer than expected.");
await writeFile(result, new Uint8Array(await (await fetch(image.url)).arrayBuffer()));

const missing = await api.GET("/api/tryon/jobs/{id}", { params: { path: { id: "no-such-job" } } });
const detail = missing.error?.details[0];
const { credits } = given(await api.GET("/api/billing/balance"));
console.log(JSON.stringify({ credits, reason: detail && "reason" in detail ? detail.reason : null }));
