/** The requests of ralph that faults meet, in the words of the fake server that RALPH_FAKE names. */
import { majorOf } from "../../src/opencode/versions.ts";

/** Of the fake server, where a test says nothing of its version. */
export const GENERATION = majorOf(Deno.env.get("RALPH_FAKE") ?? "1.18.33") === 1 ? 1 : 2;

const OF_1 = {
  create: "POST /session",
  prompt: "POST /session/:id/prompt_async",
  busy: "GET /session/status",
};
const OF_2: typeof OF_1 = {
  create: "POST /api/session",
  prompt: "POST /api/session/:id/prompt",
  busy: "GET /api/session/active",
};

export const REQUESTS = GENERATION === 1 ? OF_1 : OF_2;
