/** The JSON in a model's answer: in a fenced block, as it was asked for, or all of the text. */

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\w*)/;

/** The value of the last block, or why there is none, in words for the model. */
export function jsonIn(answer: string): { value: unknown } | { fault: string } {
  const found = lastBlock(answer);
  if (found === "open") return { fault: "the block is not closed: the answer breaks off" };
  const text = found ?? answer.trim();
  if (text === "") return { fault: "the answer is empty" };
  if (found === undefined && !text.startsWith("{")) {
    return { fault: "there is no block that begins with ```json" };
  }
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { fault: `the block is no JSON: ${error instanceof Error ? error.message : error}` };
  }
}

/** What is in the last block of code; `open` where that is not closed, undefined without one. */
function lastBlock(text: string): string | "open" | undefined {
  let open: { fence: string; lines: string[] } | undefined;
  let found: string | undefined;
  for (const line of text.split(/\r\n?|\n/)) {
    const [, fence, word] = FENCE.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { fence, lines: [] };
    } else if (fence?.startsWith(open.fence) && word === "" && line.trim() === fence) {
      found = open.lines.join("\n");
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  return open === undefined ? found : "open";
}
