/** The client: fetch, with the paths, bodies, answers and errors of the Drape API in its types. */

import createClient from "openapi-fetch";

/** @type {import("./index.d.ts").drape} */
export function drape({ token, ...options }) {
  const client = createClient(options);
  if (token) {
    client.use({ onRequest: ({ request }) => request.headers.set("authorization", `Bearer ${token}`) });
  }
  return client;
}
