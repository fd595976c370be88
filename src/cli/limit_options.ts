/** The options of `ralph run` that limit a session, each beside the setting that it is. */
import { Option } from "@commander-js/extra-typings";
import type { Limits } from "../settings/settings.ts";
import { parseCount, type Parsed, parseDuration, parseMoney } from "../settings/values.ts";
import { to } from "./arguments.ts";

const LIMITS: Readonly<Record<keyof Limits, Option>> = {
  iterations: limit(
    "-n, --max-iterations <n>",
    "stop after this many iterations (default: 10)",
    parseCount,
  ),
  costUsd: limit(
    "--max-cost <usd>",
    "stop when this many US dollars are spent, such as 5.50",
    parseMoney,
  ),
  tokens: limit("--max-tokens <n>", "stop after this many tokens", parseCount),
  durationMs: limit("--max-duration <time>", "stop after this long, such as 8h", parseDuration),
  turnMs: limit(
    "--turn-time <time>",
    "end a turn after the agent has worked for this long (default: 60m)",
    parseDuration,
  ),
  silenceMs: limit(
    "--silence-time <time>",
    "end a turn after the agent has been silent for this long (default: 15m)",
    parseDuration,
  ),
  gateMs: limit(
    "--gate-time <time>",
    "end a gate after this long (default: 10m)",
    parseDuration,
  ),
  rateLimitMs: limit(
    "--rate-limit-time <time>",
    "wait this long for a provider that refuses or fails (default: 6h)",
    parseDuration,
  ),
  serverAwayMs: limit(
    "--server-away-time <time>",
    "wait this long for an OpenCode server that is away (default: 30m)",
    parseDuration,
  ),
  modelCalls: limit(
    "--max-model-calls <n>",
    "end a turn after this many model calls (default: 300)",
    parseCount,
  ),
  brokenAnswers: limit(
    "--max-broken-answers <n>",
    "end a turn after this many answers in a row that break off (default: 5)",
    parseCount,
  ),
  compactions: limit(
    "--max-compactions <n>",
    "end a turn whose conversation is shortened more often than this (default: 10)",
    parseCount,
  ),
  errors: limit(
    "--max-errors <n>",
    "stop after this many iterations in a row with an error or over a time limit (default: 3)",
    parseCount,
  ),
  noProgress: limit(
    "--max-no-progress <n>",
    "stop after this many iterations in a row without progress (default: 3)",
    parseCount,
  ),
};

export const LIMIT_OPTIONS: readonly Option[] = Object.values(LIMITS);

/** The limits that the command line gives; undefined are those that it does not. */
export function limitsFrom(options: Readonly<Record<string, unknown>>): Partial<Limits> {
  const given = Object.entries(LIMITS)
    .map(([name, option]) => [name, options[option.attributeName()]]);
  return Object.fromEntries(given);
}

function limit<T>(flags: string, description: string, parse: (text: string) => Parsed<T>): Option {
  return new Option(flags, description).argParser(to(parse));
}
