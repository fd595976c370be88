/** The settings that come from the environment. */
import { RalphError } from "../error.ts";
import { didYouMean } from "../task/did_you_mean.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { type Refuse, serverUrl } from "./server_url.ts";
import type { Limits, SettingsPart } from "./settings.ts";
import { parseCount, type Parsed, parseDuration, parseModel, parseMoney } from "./values.ts";

interface Variable {
  readonly example: string;
  /** Throws what `refuse` makes. */
  readonly read: (text: string, refuse: Refuse) => SettingsPart;
}

/** Each variable that is a setting, by its name. */
export const VARIABLES: Readonly<Record<string, Variable>> = {
  RALPH_SERVER: {
    example: "http://127.0.0.1:14096",
    read: (text, refuse) => ({ server: serverUrl(text, refuse) }),
  },
  RALPH_TURNS_AT_ONCE: {
    example: "8",
    read: (text, refuse) => ({ turnsAtOnce: valueOf(parseCount, text, refuse) }),
  },
  RALPH_MODEL: {
    example: "anthropic/claude-sonnet-4-5",
    read: (text, refuse) => ({ model: valueOf(parseModel, text, refuse) }),
  },
  RALPH_AGENT: { example: "build", read: (text) => ({ agent: text }) },
  RALPH_MAX_ITERATIONS: { example: "20", read: limit("iterations", parseCount) },
  RALPH_MAX_COST: { example: "5.50", read: limit("costUsd", parseMoney) },
  RALPH_MAX_TOKENS: { example: "1000000", read: limit("tokens", parseCount) },
  RALPH_MAX_DURATION: { example: "8h", read: limit("durationMs", parseDuration) },
  RALPH_TURN_TIME: { example: "90m", read: limit("turnMs", parseDuration) },
  RALPH_SILENCE_TIME: { example: "15m", read: limit("silenceMs", parseDuration) },
  RALPH_GATE_TIME: { example: "10m", read: limit("gateMs", parseDuration) },
  RALPH_RATE_LIMIT_TIME: { example: "6h", read: limit("rateLimitMs", parseDuration) },
  RALPH_SERVER_AWAY_TIME: { example: "30m", read: limit("serverAwayMs", parseDuration) },
  RALPH_MAX_MODEL_CALLS: { example: "300", read: limit("modelCalls", parseCount) },
  RALPH_MAX_BROKEN_ANSWERS: { example: "5", read: limit("brokenAnswers", parseCount) },
  RALPH_MAX_COMPACTIONS: { example: "10", read: limit("compactions", parseCount) },
  RALPH_MAX_ERRORS: { example: "3", read: limit("errors", parseCount) },
  RALPH_MAX_NO_PROGRESS: { example: "3", read: limit("noProgress", parseCount) },
};

/** What the variables say, each by itself. Throws `RalphError` (`usage`) for a wrong value. */
export function readVariables(
  environment: (name: string) => string | undefined,
): readonly SettingsPart[] {
  return Object.entries(VARIABLES).flatMap(([name, { read, example }]) => {
    const text = environment(name);
    if (text === undefined) return [];
    const forExample = {
      text: "for example",
      command: `export ${shellWord(name)}=${shellWord(example)}`,
    };
    return [
      read(
        text,
        (reason, hints) =>
          new RalphError("usage", `cannot use the variable ${name}: ${reason}`, [
            ...hints,
            forExample,
          ]),
      ),
    ];
  });
}

/** Where `install.sh`, and so `ralph upgrade`, looks for releases. */
export const RELEASES = "RALPH_RELEASES";

/** Where all of ralph's own files are (`host/files/paths.ts`). */
const STATE = "RALPH_STATE";

/** What the commands that are told of something get: they may run ralph themselves. */
export const HOOK_VARIABLES = [
  "RALPH_HOOK",
  "RALPH_MESSAGE",
  "RALPH_TASK",
  "RALPH_PROJECT",
  "RALPH_SESSION",
  "RALPH_STATUS",
  "RALPH_REASON",
  "RALPH_OUTCOME",
  "RALPH_ITERATION",
  "RALPH_DETAIL",
] as const;

/**
 * What to say about the variables that look like settings and are none. `names` are those of the
 * whole environment.
 */
export function unknownVariables(names: readonly string[]): readonly string[] {
  const known: string[] = [...Object.keys(VARIABLES), RELEASES, STATE, ...HOOK_VARIABLES];
  return names.filter((name) => name.startsWith("RALPH_") && !known.includes(name)).map((name) => {
    const near = didYouMean(name, known);
    return `the variable ${plain(name, 80)} is no setting${near ? `: did you mean ${near}?` : ""}`;
  });
}

function limit(name: keyof Limits, parse: (text: string) => Parsed<number>): Variable["read"] {
  return (text, refuse) => ({ limits: { [name]: valueOf(parse, text, refuse) } });
}

function valueOf<T>(parse: (text: string) => Parsed<T>, text: string, refuse: Refuse): T {
  const parsed = parse(text);
  if ("value" in parsed) return parsed.value;
  throw refuse(`it must be ${parsed.wanted}, and is \`${plain(text, 80)}\``, []);
}
