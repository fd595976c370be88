/**
 * Speed and size, each side by side with what it is compared to, in one run: `deno task bench`, or
 * `deno task bench start` for one of them. `RALPH_BINARY=dist/ralph` measures the binary in `loop`,
 * `stop` and `doctor`; `start` and `store` always do.
 *
 *   start   the binary's start against an empty program compiled the same way
 *   store   the commands that read, with much on record
 *   loop    the loop's iterations against a bare script that does the same turns; memory
 *   stop    how long `ralph stop` takes in each state, on both versions of OpenCode
 *   doctor  how long `ralph doctor` takes, all well and with a server that hangs
 */
import { benchDoctor } from "./doctor.ts";
import { benchLoop } from "./loop.ts";
import { benchStart } from "./start.ts";
import { benchStop } from "./stop.ts";
import { benchStore } from "./store.ts";

const all = {
  start: benchStart,
  store: benchStore,
  loop: benchLoop,
  stop: benchStop,
  doctor: benchDoctor,
};

for (const [name, bench] of Object.entries(all)) {
  if (Deno.args.length === 0 || Deno.args.includes(name)) await bench();
}
