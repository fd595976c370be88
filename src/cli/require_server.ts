/** The server has to be there: if it is not, the error says why, and what to do. */
import { causeOf } from "../doctor/cause.ts";
import { listenersOn } from "../host/port.ts";
import { createSystemd } from "../host/systemd.ts";
import { UNIT_NAME } from "../doctor/unit_facts.ts";
import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Context } from "./context.ts";
import { namesOf } from "./names.ts";

/** A request that reaches OpenCode while it starts may never be answered (1.18.33, measured). */
const ATTEMPTS = 3;

/** Throws `OpenCodeError` with the cause in its message, as far as this machine knows it. */
export async function requireServer(context: Context, client: OpenCode): Promise<void> {
  try {
    await healthOf(client, ATTEMPTS);
  } catch (error) {
    if (error instanceof OpenCodeError && GONE.includes(error.problem)) {
      throw await explained(context, { error, serverUrl: client.url });
    }
    throw error;
  }
}

async function healthOf(client: OpenCode, attempts: number): Promise<void> {
  try {
    await client.health();
  } catch (error) {
    const isLate = error instanceof OpenCodeError && error.problem === "timeout";
    if (!isLate || attempts <= 1) throw error;
    await healthOf(client, attempts - 1);
  }
}

const GONE: readonly string[] = ["unreachable", "timeout", "not_opencode"];

async function explained(
  context: Context,
  { error, serverUrl }: { error: OpenCodeError; serverUrl: string },
): Promise<OpenCodeError> {
  const systemd = createSystemd({ clock: context.clock, unit: UNIT_NAME });
  const names = namesOf(context, serverUrl);
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
    log: unit === undefined || unit.active === "active" ? [] : await systemd.log(),
  });
  if (!cause) return error;
  return new OpenCodeError(error.problem, `${error.message}: ${cause.why}`, {
    kind: error.kind,
    hints: cause.hints,
    cause: error,
  });
}
