/** What the unit's state means, for the doctor and for the one line of `ralph run` and `attach`. */
import type { Unit } from "../host/system/systemd.ts";
import { age, plural } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";

export const UNIT_NAME = "opencode.service";
export const RESTART_COMMAND = `systemctl --user restart ${UNIT_NAME}`;
export const LOG_COMMAND = `journalctl --user -u ${UNIT_NAME} -n 50 --no-pager`;

/** The unit as far as it is known, also from its files where systemd does not answer. */
export type UnitFacts = Pick<Unit, "load" | "fileState"> & Partial<Unit>;

export const INSTALLED = ["loaded", "bad-setting", "error"];

/** systemd.exec(5): the program could not be executed. */
const NOT_EXECUTABLE = 203;
/** env(1): the command was not found. */
const NOT_FOUND = 127;

const LINE_MAX = 160;

/** Why the unit is not running, in words; with the last that it said. */
export function whyNotActive(unit: UnitFacts, log: readonly string[]): string {
  const said = saidLast(log);
  switch (unit.active) {
    case "failed":
      return `failed (${resultWords(unit)})${said}`;
    case "activating":
      return unit.sub === "auto-restart"
        ? `ends at once, again and again (${resultWords(unit)})${said}`
        : "is starting";
    case "deactivating":
      return "is stopping";
    default:
      return "is not running";
  }
}

/** Runs for less than this: it may end as it did before. */
const SETTLED_MS = 30_000;

/** Whether it runs only since a moment ago, and not for the first time. `now` in epoch milliseconds. */
export function isRestless(unit: UnitFacts, now: number): boolean {
  return (unit.restarts ?? 0) > 0 && startedWithin(SETTLED_MS, unit, now);
}

/** Of a unit that `isRestless`, in words; with the last that it said. */
export function startedAgain(unit: UnitFacts, now: number, log: readonly string[]): string {
  return `was started again ${plural(unit.restarts ?? 0, "time")}, the last time ` +
    `${age(unit.activeSince ?? now, now)} ago${saidLast(log)}`;
}

function saidLast(log: readonly string[]): string {
  const last = log.at(-1);
  return last === undefined ? "" : `; it said last: ${plain(last, LINE_MAX)}`;
}

function resultWords({ result, exitStatus }: UnitFacts): string {
  if (exitStatus === NOT_EXECUTABLE) return "its program cannot be executed";
  if (exitStatus === NOT_FOUND) return "its program was not found";
  if (result === "exit-code") return `exit code ${exitStatus}`;
  return plain(result ?? "unknown", 40);
}

/** Started so lately that it need not answer yet. */
const STARTED_LATELY_MS = 20_000;

/** Whether the unit runs, and only since a moment ago. `now` in epoch milliseconds. */
export function startedLately(unit: UnitFacts | undefined, now: number): boolean {
  return unit !== undefined && startedWithin(STARTED_LATELY_MS, unit, now);
}

function startedWithin(ms: number, { active, activeSince }: UnitFacts, now: number): boolean {
  return active === "active" && activeSince !== undefined && now - activeSince < ms;
}

/** What `opencode serve` was told, from its command line; undefined where that is not known. */
export function serveOptions(command: readonly string[]): { port?: number; hostname?: string } {
  const valueOf = (name: string) => {
    const at = command.findIndex((word) => word === name || word.startsWith(`${name}=`));
    if (at < 0) return undefined;
    return command[at] === name ? command[at + 1] : command[at].slice(name.length + 1);
  };
  const port = valueOf("--port") ?? "";
  return {
    port: /^\d+$/.test(port) ? Number(port) : undefined,
    hostname: valueOf("--hostname"),
  };
}

/** The path in which the unit looks for programs, as far as the unit itself says so. */
export function searchPathOf(environment: readonly string[]): string | undefined {
  return environment.findLast((pair) => pair.startsWith("PATH="))?.slice("PATH=".length);
}
