/** Why the server does not answer, in one line, with the command that helps: for `run` and `attach`. */
import type { Hint } from "../error.ts";
import type { Listener } from "../host/system/port.ts";
import type { Unit, UserManager } from "../host/system/systemd.ts";
import type { Problem } from "../opencode/error.ts";
import { serveCommand } from "./password.ts";
import type { Names } from "./probes.ts";
import { describeHolder, endRemedy, installCommand, isOfUnit } from "./service.ts";
import {
  INSTALLED,
  isRestless,
  LOG_COMMAND,
  RESTART_COMMAND,
  serveOptions,
  startedAgain,
  UNIT_NAME,
  whyNotActive,
} from "./unit_facts.ts";

export interface CauseFacts {
  problem: Problem;
  names: Pick<Names, "uid" | "ralph" | "unitFile" | "serverUrl" | "port" | "configFolder">;
  manager: UserManager;
  /** Undefined when systemd does not say. */
  unit?: Unit;
  listeners: readonly Listener[];
  log: readonly string[];
  /** In epoch milliseconds. */
  now: number;
}

/** From the requirements: every message about a missing server ends with it. */
const START: Hint = { text: "Start with", command: "systemctl --user start opencode" };
const LOG: Hint = {
  text: "see what it said",
  command: LOG_COMMAND,
};
const DOCTOR: Hint = { text: "see everything that is wrong", command: "ralph doctor" };

interface Cause {
  why: string;
  hints: readonly Hint[];
}

/** Undefined when nothing is known that the error itself does not say. */
export function causeOf(
  { problem, names, manager, unit, listeners, log, now }: CauseFacts,
): Cause | undefined {
  const other = listeners.find((listener) => !(unit && isOfUnit(listener, unit)));
  if (other) {
    const who = describeHolder(other, names);
    // It may be an OpenCode that is busy, and somebody's work.
    if (problem === "timeout") return { why: `${who} has the port`, hints: [DOCTOR] };
    const look = { text: "see whose it is", command: `sudo ss -ltnp 'sport = :${names.port}'` };
    const end = endRemedy(other, names) ?? look;
    return { why: `port ${names.port} is taken by ${who}`, hints: [end, START, DOCTOR] };
  }
  if (!manager.reachable) {
    if (manager.problem !== "no_systemd") {
      return { why: "the systemd user manager does not answer", hints: [DOCTOR, START] };
    }
    return {
      why: "nothing runs there",
      hints: [START, { text: "or, where there is no systemd", command: serveCommand(names) }],
    };
  }
  return unit && unitCause(unit, { names, log, now });
}

function unitCause(
  unit: Unit,
  { names, log, now }: Pick<CauseFacts, "names" | "log" | "now">,
): Cause {
  if (!INSTALLED.includes(unit.load)) {
    const isMasked = unit.load === "masked";
    const unmask = isMasked ? `systemctl --user unmask ${UNIT_NAME} && ` : "";
    return {
      why: `${UNIT_NAME} is ${isMasked ? "masked" : "not installed"}`,
      hints: [
        { text: "install and start it", command: unmask + installCommand(names) },
        { ...START, text: "once it is installed: Start with" },
      ],
    };
  }
  if (unit.load !== "loaded") {
    return { why: `systemd refuses ${UNIT_NAME}: ${unit.load}`, hints: [DOCTOR, START] };
  }
  const { port } = serveOptions(unit.command);
  if (port !== undefined && port !== names.port) {
    return {
      why: `nothing runs there, and ${UNIT_NAME} is for port ${port}`,
      hints: [
        { text: "name that one", command: `export RALPH_SERVER=http://127.0.0.1:${port}` },
        DOCTOR,
        START,
      ],
    };
  }
  if (isRestless(unit, now)) {
    return {
      why: `${UNIT_NAME} ${startedAgain(unit, now, log)}`,
      hints: [LOG, DOCTOR],
    };
  }
  if (unit.active === "active") {
    return {
      why: `${UNIT_NAME} runs, but does not answer`,
      hints: [{ text: "restart it", command: RESTART_COMMAND }, LOG],
    };
  }
  const why = `${UNIT_NAME} ${whyNotActive(unit, log)}`;
  if (unit.active !== "inactive") {
    const again = { text: "start it again", command: RESTART_COMMAND };
    return { why, hints: [LOG, again, DOCTOR] };
  }
  if (unit.fileState === "disabled") {
    const enable = `systemctl --user enable --now ${UNIT_NAME}`;
    return {
      why: `${why}, and is not enabled`,
      hints: [START, { text: "and let it start at each boot", command: enable }],
    };
  }
  return { why, hints: [START] };
}
