/** The JSON in a model's answer: in a fenced block, as it was asked for, or all of the text. */

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\w*)/;

/**
 * The value of the last block, of those that are marked as JSON where there are such, or why there is
 * none, in words for the model. What is `null` counts as left out.
 */
export function jsonIn(answer: string): { value: unknown } | { fault: string } {
  const { blocks, isOpen } = blocksIn(answer);
  if (isOpen) return { fault: "the block is not closed: the answer breaks off" };
  const found = blocks.findLast(({ word }) => /^json/i.test(word)) ?? blocks.at(-1);
  const text = found?.text ?? answer.trim();
  if (text === "") return { fault: "the answer is empty" };
  if (found === undefined && !text.startsWith("{")) {
    return { fault: "there is no block that begins with ```json" };
  }
  try {
    return { value: JSON.parse(text, (_, value) => value ?? undefined) };
  } catch (error) {
    return { fault: `the block is no JSON: ${error instanceof Error ? error.message : error}` };
  }
}

interface Block {
  /** What stands behind the fence. */
  word: string;
  text: string;
}

/** The blocks of code, and whether the last one is not closed. */
function blocksIn(text: string): { blocks: readonly Block[]; isOpen: boolean } {
  const blocks: Block[] = [];
  let open: { fence: string; word: string; lines: string[] } | undefined;
  for (const line of text.split(/\r\n?|\n/)) {
    const [, fence, word] = FENCE.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { fence, word, lines: [] };
    } else if (fence?.startsWith(open.fence) && line.trim() === fence) {
      blocks.push({ word: open.word, text: open.lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  return { blocks, isOpen: open !== undefined };
}
