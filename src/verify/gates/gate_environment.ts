/** The environment of a gate: what programs need, and nothing that is the worker's business. */
import { isNamed, isOurs, NO_SECRETS } from "../../no_secrets.ts";

/** Says that nobody is there: no colours, no pager, no watching for changes, no question. */
const SET = { CI: "true", TERM: "dumb", NO_COLOR: "1", GIT_TERMINAL_PROMPT: "0" };

/** What each shell sets by itself. */
const OF_THE_SHELL = ["_", "PWD", "OLDPWD", "SHLVL"];

export interface GateEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Names of what the shell has, and gates do not get. */
  readonly withheld: readonly string[];
}

/**
 * The variables for a gate, out of those that `read` gives. `names`: all that there are. `handOn`: the
 * setting `gateEnv`.
 */
export function gateEnvironment(
  read: (name: string) => string | undefined,
  { names = [], handOn = [] }: { names?: readonly string[]; handOn?: readonly string[] } = {},
): GateEnvironment {
  const variables = handedOn(read, { names, handOn });
  const known = new Set([...Object.keys({ ...variables, ...SET }), ...OF_THE_SHELL]);
  return {
    // What a person asks for by name comes before what says that nobody is there.
    variables: { ...SET, ...variables },
    withheld: names.filter((name) => !known.has(name) && !isOurs(name)),
  };
}

/**
 * Those of the variables that are no secret by their purpose, and those that `handOn` asks for by name:
 * for gates, and for a worker with its git.
 */
export function handedOn(
  read: (name: string) => string | undefined,
  { names, handOn }: { names: readonly string[]; handOn: readonly string[] },
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const name of [...NO_SECRETS, ...names.filter((name) => isNamed(name, handOn))]) {
    const value = read(name);
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}
