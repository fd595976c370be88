import type { Clock } from "../clock.ts";
import type { Output } from "./output.ts";

/** What every command gets: where to write, and the ways to the outside. */
export interface Context {
  output: Output;
  clock: Clock;
  environment: (name: string) => string | undefined;
  /** Where `main.ts` is: how this program is started again, and where its migrations are. */
  mainUrl: string;
  cwd: () => string;
}
