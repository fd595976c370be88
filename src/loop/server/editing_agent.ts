/** An agent that may edit: the server's default one may be one that only plans. */
import { unlessAborted } from "../../abort_signal.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { ignoreServerFailure } from "../../opencode/error.ts";
import { mayEdit } from "../../opencode/agent_rules.ts";
import type { Agent } from "../../opencode/model.ts";
import type { Settings } from "../../settings/settings.ts";
import { plain } from "../../terminal/plain.ts";
import type { LoopTools } from "../context.ts";

/** The one that OpenCode has for this. */
const EDITING = "build";

/** Which agent a prompt names. */
type AgentChoice =
  /** None: the server's default one may edit, as far as is known. */
  | { kind: "default"; agent?: string }
  /** `build`, in the place of `instead`. */
  | { kind: "named"; agent: string; instead: string }
  /** The default one may not edit, and `build` may not either, or is not there. */
  | { kind: "none"; instead: string };

/** Where no setting names one. Pure. `byDefault` is what OpenCode's own settings name. */
export function chooseAgent(
  { agents, byDefault }: { agents: readonly Agent[]; byDefault?: string },
): AgentChoice {
  const named = (name: string) => agents.find((agent) => agent.name === name);
  const taken = (byDefault === undefined ? undefined : named(byDefault)) ?? named(EDITING) ??
    agents[0];
  if (!taken || mayEdit(taken)) return { kind: "default", agent: taken?.name };
  const instead = taken.name;
  const editing = named(EDITING);
  return editing && mayEdit(editing)
    ? { kind: "named", agent: EDITING, instead }
    : { kind: "none", instead };
}

/** The agent that the loop has work, as far as the server knows it. `named`: by a setting. */
export function agentAtWork(
  asked: Parameters<typeof chooseAgent>[0],
  named: string | undefined,
): Agent | undefined {
  const choice = chooseAgent(asked);
  const name = named ?? (choice.kind === "none" ? choice.instead : choice.agent);
  return asked.agents.find((agent) => agent.name === name);
}

/**
 * A function that tells which agent to name in a prompt, if any: it asks the server until that has
 * answered once, and warns where it is another one than the server's own.
 */
export function editingAgent(
  { client, emit }: { client: Pick<OpenCode, "agentChoice">; emit: LoopTools["emit"] },
  { agent }: Pick<Settings, "agent">,
  signal: AbortSignal,
): () => Promise<string | undefined> {
  let choice: AgentChoice | undefined;
  return async () => {
    if (agent !== undefined) return agent;
    if (!choice) {
      const asking = client.agentChoice().catch(ignoreServerFailure);
      const asked = await unlessAborted(asking, signal);
      if (!asked) return undefined;
      choice = chooseAgent(asked);
      if (choice.kind !== "default") emit({ type: "warning", text: agentWarning(choice) });
    }
    return choice.kind === "named" ? choice.agent : undefined;
  };
}

function agentWarning(choice: Exclude<AgentChoice, { kind: "default" }>): string {
  const not = `the server's default agent \`${plain(choice.instead, 60)}\` may not edit files`;
  return choice.kind === "named" ? `${not}: \`${choice.agent}\` is asked for` : not;
}
