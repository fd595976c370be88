/** The marks of the screen, for terminals that show more than ASCII and for those that do not. */
import type { StoryState } from "./model.ts";

export interface Glyphs {
  /** A part of a bar for each. */
  bar: Readonly<Record<Exclude<StoryState, "waits">, string>>;
  story: Readonly<Record<StoryState, string>>;
  /** By the status of a session. */
  session: Readonly<Record<string, string>>;
  chosen: string;
  rule: string;
  between: string;
}

const UNICODE: Glyphs = {
  bar: { done: "█", "in hand": "▓", open: "░", "left out": "·" },
  story: { done: "✓", "in hand": "▶", open: "○", waits: "◌", "left out": "–" },
  session: {
    starting: "◌",
    running: "●",
    checkpointed: "‖",
    completed: "✓",
    stopped: "■",
    failed: "✗",
  },
  chosen: "▸",
  rule: "─",
  between: " · ",
};

const ASCII: Glyphs = {
  bar: { done: "#", "in hand": ">", open: "-", "left out": "." },
  story: { done: "x", "in hand": ">", open: "o", waits: ".", "left out": "-" },
  session: {
    starting: ".",
    running: "*",
    checkpointed: "=",
    completed: "x",
    stopped: "#",
    failed: "!",
  },
  chosen: ">",
  rule: "-",
  between: ", ",
};

/** By the locale, as locale(7) says which variable counts. */
export function glyphsFor(environment: (name: string) => string | undefined): Glyphs {
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(environment).find((value) => value) ?? "";
  return /utf-?8/i.test(locale) ? UNICODE : ASCII;
}
