/** Arguments and options that several commands share, and how their values are read. */
import { Argument, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { DEFAULT_SERVER_URL } from "../settings/server_url.ts";
import type { Parsed } from "../settings/values.ts";

/** A task that has a session, or may have one: by name, or by path. */
export function taskArgument<const T extends string>(form: T) {
  return new Argument(form, "name of a task, or path of its folder");
}

export function serverOption(before = "") {
  const fallback = `${before} ${DEFAULT_SERVER_URL}`.trim();
  return new Option("-s, --server <url>", `use this OpenCode server (default: ${fallback})`);
}

/** Reads a whole number from `min` up. */
export function integer(min: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} up.`);
    }
    return value;
  };
}

/** Reads what is a value of the settings, too. */
export function to<T>(parse: (text: string) => Parsed<T>) {
  return (text: string): T => {
    const parsed = parse(text);
    if ("wanted" in parsed) throw new InvalidArgumentError(`It must be ${parsed.wanted}.`);
    return parsed.value;
  };
}
