/** What an answer without an error says of the model: whether it answered, whether it calls tools. Pure. */
import { type ErrorClass, TOOLLESS } from "./error_class.ts";

export interface Answer {
  /** Why the model stopped, as the server says. */
  readonly finish?: string;
  /** Of the last message. */
  readonly text: string;
  /** How many tools ran in the turn; undefined when that is not known. */
  readonly toolRuns?: number;
  /** The server lists the model as one that calls no tools. */
  readonly lacksTools?: boolean;
  /** Something came of an earlier iteration of the session: its model does call tools. */
  readonly workedBefore?: boolean;
}

/** With these the provider says itself why nothing, or no more, came. */
const EXPLAINED = ["length", "content-filter"];

/** How models write a tool call for which the provider has no reader, by the marks of their kinds. */
const PRINTED_CALL = [
  // Qwen, Hermes and their like; Llama; what imitates Claude
  /<\/?(?:tool_call|tool_use|function_calls?|invoke name=|function=)/i,
  // DeepSeek, Kimi, GLM, with full-width bars or plain ones
  /<[|｜](?:tool|python_tag)/i,
  /\[TOOL_CALLS\]/, // Mistral
  /```(?:tool_call|tool_code|tool_use|function)\b/i, // Gemma
  // nothing but the call itself, as it is or fenced
  /^\s*(?:```(?:json)?\s*)?\[?\s*\{\s*"(?:name|tool|function|tool_name|type)"\s*:\s*"[^"]+"\s*,\s*"(?:arguments|parameters|input|args|name|function)"\s*:/,
];

/** Undefined for an answer with nothing special about it. Otherwise what it means, and the same in words. */
export function classifyAnswer(
  { finish = "", text, toolRuns, lacksTools, workedBefore }: Answer,
): { errorClass: ErrorClass; why: string } | undefined {
  if (toolRuns !== 0) return undefined;
  if (lacksTools) {
    const why = "the model called no tool, and the server has it on record as one that cannot";
    return { errorClass: TOOLLESS, why };
  }
  if (text.trim() === "" && !EXPLAINED.includes(finish)) {
    const why = "the model's answer was empty: no text, and no tool call";
    return { errorClass: { kind: "refused" }, why };
  }
  if (!workedBefore && PRINTED_CALL.some((mark) => mark.test(text))) {
    return { errorClass: TOOLLESS, why: "the model wrote its tool calls as text, and called none" };
  }
  return undefined;
}
