/** How a server of either generation is asked: what `v1/client.ts` and `v2/client.ts` share. */
import { plain } from "../terminal/plain.ts";
import { OpenCodeError } from "./error.ts";
import { type Http, malformedReply, type RequestOptions } from "./http.ts";
import { explain, type Reply } from "./reply.ts";

export const HEALTH_TIMEOUT_MS = 2_000;
/** Some versions let an abort hang for a minute (measured, 1.14.41). */
export const ABORT_TIMEOUT_MS = 4_000;
/** Longer than any that was seen: what a server makes after that is made a second time. */
export const CREATE_TIMEOUT_MS = 30_000;
/** The first to ask for these makes the server load the project: over 10 s where it is busy (measured). */
export const LOAD_TIMEOUT_MS = 30_000;
/** The server lists others only when they have credentials, or need none (1.1.53, 1.18.33). */
export const FREE_PROVIDER = "opencode";

/** Who works where neither ralph nor OpenCode's settings name an agent (1.1.53 to 2.0, documented). */
export const DEFAULT_AGENT = "build";

export interface Asking {
  readonly http: Http;
  readonly url: string;
  readonly directory: string;
  /** The directory, for messages. */
  readonly place: string;
  read<T>(reply: Reply<T>, path: string, request: RequestOptions): Promise<T>;
  write(path: string, request: RequestOptions): Promise<void>;
}

/** `scoped` adds to a request what each of this generation has. */
export function askingOf(
  http: Http,
  scoped: (request: RequestOptions) => RequestOptions = (request) => request,
): Asking {
  const { url, directory } = http;
  return {
    http,
    url,
    directory,
    place: plain(directory, 200),

    async read(reply, path, request) {
      const result = reply.safeParse(await http.request(path, scoped(request)));
      if (result.success) return result.data;
      throw malformedReply(url, request.what, explain(result.error), result.error);
    },

    async write(path, request) {
      await http.request(path, scoped({ method: "POST", ...request }));
    },
  };
}

/** A session, in messages. */
export const named = (id: string) => `OpenCode session \`${plain(id, 60)}\``;

/** The error of a session that was to read alone, where the server has passed its rules over. */
export function takesNoRules({ url, place }: Pick<Asking, "url" | "place">): OpenCodeError {
  return new OpenCodeError(
    "refused",
    `cannot create an OpenCode session in \`${place}\` that only reads: OpenCode at ${url} takes no ` +
      "rules for one, and has no agent that only looks",
    { kind: "failed" },
  );
}
