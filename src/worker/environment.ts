/** What a background worker has in its environment, where its commands and others see it. */
import { OF_SIGNING } from "../no_secrets.ts";
import { handedOn } from "../verify/gates/gate_environment.ts";

/**
 * Out of the variables of the shell that it was started from. The agent's tools are of the same user,
 * and can read the environment of each process (proc(5)): so no key is there that git and gates have no
 * use for, and not the server's password. `gateEnv`: the setting.
 */
export function workerEnvironment(
  variables: Readonly<Record<string, string>>,
  gateEnv: readonly string[],
): Readonly<Record<string, string>> {
  const read = (name: string) => variables[name] || undefined;
  return handedOn(read, {
    names: Object.keys(variables),
    handOn: [...gateEnv, ...OF_SIGNING, "GIT_*"],
  });
}
