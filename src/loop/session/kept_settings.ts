/** What of the settings is a session's own: it stays as it was at its start. */
import * as z from "zod";
import { parseStored } from "../../stored_json.ts";
import type { Limits, Settings } from "../../settings/settings.ts";

export type KeptSettings =
  & Pick<Settings, "verify" | "gateEnv" | "protect" | "tests" | "commit" | "finish" | "review">
  /** Not kept, but of the server that the session's last worker used. */
  & Pick<Settings, "serverOfProject">
  & {
    /** A session of an earlier version may lack some. */
    limits: Partial<Limits>;
    /** The session before it ended for want of evidence. */
    owesEvidence: boolean;
  };

const limit = z.number().optional();

const keptSchema = z.object({
  verify: z.array(z.object({
    name: z.string(),
    run: z.union([
      z.object({ args: z.array(z.string()) }),
      z.object({ shell: z.string() }),
    ]),
    timeoutSeconds: limit,
  })),
  gateEnv: z.array(z.string()).default([]),
  protect: z.array(z.string()),
  tests: z.enum(["counted", "trusted"]),
  commit: z.enum(["ralph", "agent"]).default("ralph"),
  finish: z.enum(["commit", "tree"]).default("commit"),
  review: z.union([
    z.literal(false),
    z.object({
      model: z.object({ providerId: z.string(), modelId: z.string() }).optional(),
      rounds: z.number(),
      when: z.enum(["story", "end"]),
    }),
  ]).optional(),
  limits: z.object(
    {
      iterations: limit,
      costUsd: limit,
      tokens: limit,
      durationMs: limit,
      turnMs: limit,
      silenceMs: limit,
      modelCalls: limit,
      gateMs: limit,
      noProgress: limit,
      errors: limit,
      serverAwayMs: limit,
      rateLimitMs: limit,
      brokenAnswers: limit,
      compactions: limit,
    } satisfies Record<keyof Limits, typeof limit>,
  ),
  serverOfProject: z.boolean().default(false),
  owesEvidence: z.boolean(),
});

/** The text to store them as. */
export function storeSettings(
  {
    verify,
    gateEnv,
    protect,
    tests,
    commit,
    finish,
    review,
    limits,
    serverOfProject,
    owesEvidence,
  }: KeptSettings,
): string {
  const kept: KeptSettings = {
    verify,
    gateEnv,
    protect,
    tests,
    commit,
    finish,
    review,
    limits,
    serverOfProject,
    owesEvidence,
  };
  return JSON.stringify(kept);
}

/** What `storeSettings` made the text of. Throws `RalphError` (`state`) for any other text. */
export function storedSettings(text: string, session: number): KeptSettings {
  return parseStored(text, {
    schema: keptSchema,
    what: `the settings that session ${session} began with, in the database`,
  });
}
