import type { Client, ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

/** The messages of the API by their names. */
export type Schemas = components["schemas"];

/** A client of the gateway at `baseUrl`. Browsers send their cookies and need no `token`; programs give one. */
export declare function drape(options: ClientOptions & { baseUrl: string; token?: string }): Client<paths>;
