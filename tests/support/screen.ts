/** A terminal's screen, as far as ralph's live view uses it: lines that wrap, and break anew on a resize. */

/** Every character takes one column. */
export class Screen {
  /** Each is a line as it was written, whatever rows it takes. */
  #lines: string[] = [""];
  /** In rows from the last one, where the cursor stands in its column 0 or at the end. */
  #up = 0;
  #atStart = false;

  constructor(public columns: number) {}

  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const [piece] of text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|[^]/g)) this.#take(piece);
  }

  #take(piece: string): void {
    if (piece === "\r") this.#atStart = true;
    else if (piece === "\x1b[1A") this.#up++;
    else if (piece === "\x1b[J") this.#clearBelow();
    else if (piece === "\n") {
      this.#lines.push("");
      this.#atStart = true;
    } else if (!piece.startsWith("\x1b")) {
      if (this.#up > 0) throw new Error("written over what is there");
      this.#lines[this.#lines.length - 1] += piece;
      this.#atStart = false;
    }
  }

  /** From the start of the row that the cursor is in. */
  #clearBelow(): void {
    if (!this.#atStart) throw new Error("cleared from within a line");
    let rows = this.#up + 1;
    while (rows > 0 && this.#lines.length > 0) {
      const last = this.#lines.pop() ?? "";
      const takes = this.#rowsOf(last);
      if (takes > rows) this.#lines.push(last.slice(0, (takes - rows) * this.columns));
      rows -= takes;
    }
    this.#lines.push("");
    this.#up = 0;
  }

  #rowsOf(line: string): number {
    return Math.max(1, Math.ceil(line.length / this.columns));
  }

  /** What is to be seen. */
  get text(): string {
    return this.#lines.join("\n");
  }
}
