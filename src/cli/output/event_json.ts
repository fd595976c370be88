import type { Clock } from "../../clock.ts";
import { commandJson } from "../../terminal/json_text.ts";

/** Something that happened, for programs: a line with its time, in UTC. */
export function eventJson(event: object, clock: Pick<Clock, "now">): string {
  return commandJson({ at: new Date(clock.now()).toISOString(), ...event });
}
