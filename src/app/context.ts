import type { Clock } from "../clock.ts";

/** This installation as a command and a worker get it: the ways to the outside. */
export interface Context {
  clock: Clock;
  environment: (name: string) => string | undefined;
  /** Where `main.ts` is: how this program is started again, and where its migrations are. */
  mainUrl: string;
  cwd: () => string;
  /** Tells a person what stops nothing, such as a record that cannot be written now. */
  warn: (text: string) => void;
}
