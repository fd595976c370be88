/** Where the server of the unit `opencode.service` listens. */
export const DEFAULT_SERVER_URL = "http://127.0.0.1:14096";
