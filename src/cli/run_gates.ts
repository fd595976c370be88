/** Gates in the terminal: run one after the other, until a signal stops them. */
import { gateEnvironmentOf } from "../app/gates.ts";
import { enterSandbox, runInSandbox } from "../host/process/server_sandbox.ts";
import { untilEnded } from "../host/process/signals.ts";
import { portOf } from "../host/system/port.ts";
import type { Settings } from "../settings/settings.ts";
import type { Gate } from "../task/gate.ts";
import { type GateResult, runGates } from "../verify/gates/gates.ts";
import type { CommandContext } from "./command_context.ts";
import { exitCodeOfSignal } from "./exit_codes.ts";

interface Ran {
  results: readonly GateResult[];
  /** Names of variables that the gates did not get. */
  withheld: readonly string[];
}

/** Runs them in the work tree as it is; the exit code where a signal stopped that. */
export async function runGatesHere(
  context: CommandContext,
  gates: readonly Gate[],
  { root, settings }: { root: string; settings: Settings },
): Promise<Ran | { code: number }> {
  const { err } = context.output;
  const { variables, withheld } = gateEnvironmentOf(context, settings.gateEnv);
  using ending = untilEnded();
  const results = await runGates(gates, {
    cwd: root,
    env: variables,
    run: runInSandbox(enterSandbox(portOf(settings.server), context.clock)),
    clock: context.clock,
    signal: ending.signal,
    defaultTimeoutMs: settings.limits.gateMs,
    onStart: ({ name }) => err.isTerminal && err.line(`running gate ${name}`),
  });
  return results ? { results, withheld } : { code: exitCodeOfSignal(ending.name ?? "SIGTERM") };
}
