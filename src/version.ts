import config from "../deno.json" with { type: "json" };

/** The version of ralph. */
export const VERSION: string = config.version;
