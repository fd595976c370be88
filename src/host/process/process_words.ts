import { plain } from "../../terminal/plain.ts";
import type { AgentProcess } from "./agent_processes.ts";

/** A process as people and agents are told of it: `process 12 (port 3000): node server.js`. */
export function processWords(
  { pid, command, ports }: Pick<AgentProcess, "pid" | "command" | "ports">,
): string {
  const held = ports.length === 0
    ? ""
    : ` (port${ports.length > 1 ? "s" : ""} ${ports.slice(0, 5).join(", ")})`;
  return `process ${pid}${held}: ${plain(command, 80)}`;
}
