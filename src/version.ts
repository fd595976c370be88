import config from "../deno.json" with { type: "json" };

/** The version of ralph. */
export const VERSION: string = config.version;

/** What ralph is called on npm. */
export const NPM_PACKAGE = "ralph-loop";
