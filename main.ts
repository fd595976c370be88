import { main } from "./src/cli/main.ts";

// Not `Deno.exitCode`: what a silent server has not answered would keep the process for seconds.
Deno.exit(await main(Deno.args, import.meta.url));
