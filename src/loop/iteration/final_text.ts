/**
 * What an agent's final text says to the loop. Only lines by themselves count, and none in a code
 * block, an indented block or a quote: there an agent shows what it could say.
 */

const PROMISE = "<promise>COMPLETE</promise>";
const BLOCKED = { begin: "<blocked>", end: "</blocked>" };
/** In UTF-16 units: enough to say what is needed. */
const WORDS_MAX = 2_000;
/** Words for what the agent does not say, or not yet. */
const WITHHOLDING = /\b(not|cannot|never|until|unless|once|when|before|if|would)\b|n['’]t\b/i;
const SENTENCE_END = /[.!?)…]['"*_]*$/;

/**
 * Whether the text promises that everything is done: a line that is nothing but the promise, and is
 * neither part of a sentence that goes on nor introduced by one that withholds it.
 */
export function promisesCompletion(text: string): boolean {
  const lines = spokenLines(text);
  return lines.some((line, index) => {
    if (line !== PROMISE) return false;
    const above = lines[index - 1] ?? "";
    const introduction = lines.slice(0, index).findLast((one) => one !== "") ?? "";
    const leadsOn = introduction.endsWith(":") || above !== "" && !SENTENCE_END.test(above);
    const goesOn = /^\p{Ll}/u.test(lines[index + 1] ?? "");
    return !goesOn && !(leadsOn && WITHHOLDING.test(introduction));
  });
}

/** What the agent needs of a person, when that is the end of its text; undefined otherwise. */
export function blockedWords(text: string): string | undefined {
  const spoken = `\n${spokenLines(text).join("\n").trim()}`;
  if (!spoken.endsWith(BLOCKED.end)) return undefined;
  const words = spoken.slice(0, -BLOCKED.end.length);
  const begin = words.lastIndexOf(`\n${BLOCKED.begin}`);
  if (begin < 0 || words.includes(BLOCKED.end, begin)) return undefined;
  return words.slice(begin + 1 + BLOCKED.begin.length).trim().slice(0, WORDS_MAX) || undefined;
}

/** The lines that the agent says itself, trimmed. */
function spokenLines(text: string): string[] {
  const spoken: string[] = [];
  let fence: string | undefined;
  for (const line of text.split(/\r\n?|\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== undefined) {
      // A block is closed by as many of the same marks, or more (CommonMark, 4.5).
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    } else if (mark !== undefined) {
      fence = mark;
    } else if (!/^( {4}|\t| {0,3}>)/.test(line)) {
      spoken.push(line.trim());
    }
  }
  return spoken;
}
