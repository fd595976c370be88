/**
 * One client for either generation of OpenCode. Which one answers is told by the shape of what it
 * says of itself, never by a status: each answers paths of the other with a page of HTML. It is asked
 * again when a connection broke, and when what answers is none of that, since people update a server
 * where it is.
 */
import type { Health, OpenCode } from "./client.ts";
import { OpenCodeError } from "./error.ts";
import { createHttp, type Http, type HttpOptions } from "./http.ts";
import { createV1 } from "./v1/client.ts";
import { createV2, earlyHealth } from "./v2/client.ts";
import { majorOf } from "./versions.ts";

export type ClientOptions = HttpOptions;

/** Those that go to the client of the generation that answers. */
const REQUESTS = [
  "createSession",
  "session",
  "sessions",
  "deleteSession",
  "prompt",
  "busy",
  "messages",
  "children",
  "turnRecord",
  "sessionUse",
  "abort",
  "unload",
  "permissions",
  "questions",
  "replyPermission",
  "answerQuestion",
  "agents",
  "agentChoice",
  "models",
  "modelsWithoutTools",
  "prices",
  "providers",
  "keyVariables",
  "configuredModel",
  "denials",
  "eventStream",
] as const satisfies readonly (keyof OpenCode)[];
type Requests = Pick<OpenCode, typeof REQUESTS[number]>;

/** A request that comes while a server starts may never be answered (both generations, measured). */
const SECOND_TRY_MS = 4_000;

/** Of one connection: what it remembers of its server is forgotten with it. */
interface Known {
  generation: Health["generation"];
  requests: OpenCode;
  health: OpenCode["health"];
}

/** What a server said of itself, and the one request with which it is asked the same again. */
interface Identified {
  found: Health;
  again: OpenCode["health"];
}

/** What ralph asks of one server, for one project. */
export function createClient(options: ClientOptions): OpenCode {
  let known: Known | undefined;
  let asking: Promise<Health> | undefined;
  const forget = () => void (known = undefined);
  const http = createHttp(options, forget);
  const create = { 1: () => createV1(http), 2: () => createV2(http, options.clock) };

  /** Whoever asks meanwhile gets the same answer. */
  function find(options?: { timeoutMs?: number }): Promise<Health> {
    return asking ??= identify(http, { 1: create[1](), 2: create[2]() }, options).then(
      ({ found, again }) => {
        const { generation } = found;
        const requests = known?.generation === generation ? known.requests : create[generation]();
        known = { generation, requests, health: again };
        return found;
      },
    ).finally(() => asking = undefined);
  }

  async function health(options?: { timeoutMs?: number }): Promise<Health> {
    try {
      return await (known?.health(options) ?? find(options));
    } catch (error) {
      if (!known || !isOfAnother(error)) throw error;
      return await find(options);
    }
  }

  async function server(): Promise<Known> {
    if (known) return known;
    const { generation } = await find().catch((error) => {
      const isLate = error instanceof OpenCodeError && error.problem === "timeout";
      if (!isLate) throw error;
      return find({ timeoutMs: SECOND_TRY_MS });
    });
    const requests = create[generation]();
    return known ?? { generation, requests, health: requests.health };
  }

  const requests = REQUESTS.map((name) => [
    name,
    async (...args: unknown[]) => {
      const ask = ({ requests }: Known) =>
        (requests[name] as (...args: unknown[]) => Promise<unknown>)(...args);
      const asked = await server();
      try {
        return await ask(asked);
      } catch (error) {
        if (!isOfAnother(error)) throw error;
        forget();
        const other = await server().catch(() => undefined);
        if (!other || other.generation === asked.generation) throw error;
        return await ask(other);
      }
    },
  ]);
  const { url, directory } = http;
  const { passwordFile } = options;
  return { url, directory, passwordFile, health, ...toRequests(requests) };
}

const toRequests = (pairs: unknown[][]) => Object.fromEntries(pairs) as Requests;

/** What a server answers that is not of the generation that was asked: then it has done nothing. */
function isOfAnother(error: unknown): boolean {
  return error instanceof OpenCodeError &&
    (error.problem === "not_opencode" || error.problem === "malformed");
}

/**
 * Asks as OpenCode 1 is asked, and then in the other way: OpenCode 1 would load its own folder, and
 * 1.1.53 ask the Internet, for a path that it does not know. Throws as OpenCode 1 does where neither
 * is recognised.
 */
async function identify(
  http: Http,
  clients: Record<1 | 2, OpenCode>,
  options?: { timeoutMs?: number },
): Promise<Identified> {
  const said = (generation: 1 | 2, found: Health) => ({ found, again: clients[generation].health });
  const [first] = await Promise.allSettled([clients[1].health(options)]);
  if (first.status === "fulfilled" && (majorOf(first.value.version) ?? 1) < 2) {
    return said(1, first.value);
  }
  if (first.status === "rejected" && !mayBeOther(first.reason)) throw first.reason;
  const [second] = await Promise.allSettled([clients[2].health(options)]);
  if (second.status === "fulfilled") return said(2, second.value);
  if (first.status === "fulfilled") return said(1, first.value);
  const isNeither = isOfAnother(first.reason) && isOfAnother(second.reason);
  const early = isNeither && await earlyHealth(http, options?.timeoutMs);
  if (early) return early;
  throw isOfAnother(first.reason) ? second.reason : first.reason;
}

/** Also one that does not answer: what it is asked may be a page that it has to fetch first. */
function mayBeOther(error: unknown): boolean {
  return isOfAnother(error) || error instanceof OpenCodeError && error.problem === "timeout";
}
