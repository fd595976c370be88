/** What the command line said of a queued task, as it is stored. */
import * as z from "zod";
import { parseStored } from "../stored_json.ts";
import type { Limits, SettingsPart } from "../settings/settings.ts";

const number = z.number().optional();

const limits = z.object(
  {
    iterations: number,
    costUsd: number,
    tokens: number,
    durationMs: number,
    turnMs: number,
    silenceMs: number,
    modelCalls: number,
    gateMs: number,
    noProgress: number,
    errors: number,
    serverAwayMs: number,
    rateLimitMs: number,
    brokenAnswers: number,
    compactions: number,
  } satisfies Record<keyof Limits, typeof number>,
);

const flagsSchema = z.object({
  server: z.string().optional(),
  model: z.object({ providerId: z.string(), modelId: z.string() }).optional(),
  agent: z.string().optional(),
  baseBranch: z.string().optional(),
  review: z.literal(false).optional(),
  limits: limits.optional(),
});

/** Throws `RalphError` (`state`) for a text that is not what was stored. */
export function parseFlags(text: string): SettingsPart {
  return parseStored(text, {
    schema: flagsSchema,
    what: "what the command line said of a queued task, in the database",
  });
}
