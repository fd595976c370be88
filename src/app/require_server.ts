/** The server has to be there: if it is not, the error says why, and what to do. */
import { causeOf } from "../doctor/cause.ts";
import { listenersOn } from "../host/system/port.ts";
import { createSystemd } from "../host/system/systemd.ts";
import { UNIT_NAME } from "../doctor/unit_facts.ts";
import type { Health, OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Context } from "./context.ts";
import { namesFor } from "./names.ts";

/**
 * How long each attempt may take. A request that reaches OpenCode while it starts may never be
 * answered (1.18.33, measured), so the first ones are short; on a machine whose load is ten times
 * its cores an answer takes 3 s and more (measured), so the last one is not.
 */
const ATTEMPTS_MS = [2_000, 4_000, 10_000];

/** Throws `OpenCodeError` with the cause in its message, as far as this machine knows it. */
export async function requireServer(context: Context, client: OpenCode): Promise<Health> {
  try {
    return await requireAnswer(client);
  } catch (error) {
    if (error instanceof OpenCodeError && GONE.includes(error.problem)) {
      throw await explained(context, { error, serverUrl: client.url });
    }
    throw error;
  }
}

async function requireAnswer(client: OpenCode): Promise<Health> {
  let late: unknown;
  for (const timeoutMs of ATTEMPTS_MS) {
    try {
      return await client.health({ timeoutMs });
    } catch (error) {
      if (!(error instanceof OpenCodeError && error.problem === "timeout")) throw error;
      late = error;
    }
  }
  throw late;
}

const GONE: readonly string[] = ["unreachable", "timeout", "not_opencode"];

async function explained(
  context: Context,
  { error, serverUrl }: { error: OpenCodeError; serverUrl: string },
): Promise<OpenCodeError> {
  const systemd = createSystemd({ clock: context.clock, unit: UNIT_NAME });
  const names = await namesFor(context, serverUrl, systemd);
  const [manager, unit, listeners] = await Promise.all([
    systemd.userManager(),
    systemd.unit(),
    listenersOn(names.port, context.clock),
  ]);
  const cause = causeOf({
    problem: error.problem,
    names,
    manager,
    unit,
    listeners: listeners ?? [],
    log: unit === undefined ? [] : await systemd.log(),
    now: context.clock.now(),
  });
  if (!cause) return error;
  return new OpenCodeError(error.problem, `${error.message}: ${cause.why}`, {
    kind: error.kind,
    hints: cause.hints,
    cause: error,
  });
}
