/** Where commands write: the answer to stdout, everything else to stderr. */
import picocolors from "picocolors";
import type { Colors } from "../../terminal/colors.ts";
import { RalphError } from "../../error.ts";
import { plain } from "../../terminal/plain.ts";

export interface Stream {
  /**
   * Writes the text as it is. Throws `Deno.errors.BrokenPipe` when nobody reads any more, and `RalphError`
   * (`failed`) where it cannot be written for another reason, such as a full disk.
   */
  write(text: string): void;
  line(text?: string): void;
  isTerminal: boolean;
  /** Columns; a wide default where there is no terminal. */
  width(): number;
  colors: Colors;
}

export interface Output {
  out: Stream;
  err: Stream;
  /** Whether somebody can be asked. */
  inputIsTerminal: boolean;
}

/** What text for people is fitted into: no terminal cuts what goes elsewhere. */
export const columnsOf = (stream: Stream): number => stream.isTerminal ? stream.width() : Infinity;

const WIDTH_WITHOUT_TERMINAL = 100;
const WIDTH_MIN = 20;

/** All of the standard input, as text. */
export async function readInput(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

/** Whether the terminal hands over each key as it is (raw), or makes lines and signals of them. */
export function setRawInput(raw: boolean): void {
  Deno.stdin.setRaw(raw);
}

/** Whether the terminal shows what is typed. Changes nothing where the input is none. */
export function echoInput(echo: boolean): void {
  if (!Deno.stdin.isTerminal()) return;
  try {
    if (echo) Deno.stdin.setRaw(false);
    else Deno.stdin.setRaw(true, { cbreak: true });
  } catch {
    // The terminal is gone, or cannot be asked.
  }
}

/**
 * The same stream for work that goes on when nobody reads: what can no longer be written, to a pipe
 * that is closed or a terminal that is gone, is dropped.
 */
export function unread(stream: Stream): Stream {
  const write = (text: string) => {
    try {
      stream.write(text);
    } catch {
      // There is nobody to read it.
    }
  };
  const width = () => {
    try {
      return stream.width();
    } catch {
      return WIDTH_WITHOUT_TERMINAL;
    }
  };
  return { ...stream, write, line: (text = "") => write(text + "\n"), width };
}

/** The same stream for a command that does its work also when its reader is gone, as `head -1` is soon. */
export function withoutReader(stream: Stream): Stream {
  const write = (text: string) => {
    try {
      stream.write(text);
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
  return { ...stream, write, line: (text = "") => write(text + "\n") };
}

/**
 * The text with line ends, tabs and colours as they are, and all else that is not to be seen escaped:
 * whatever an error quotes, the terminal gets nothing that it would act on.
 */
export function safeOnTerminal(text: string): string {
  if (/^[ -~\n]*$/.test(text)) return text;
  // deno-lint-ignore no-control-regex
  return text.split(/(\x1b\[[\d;]*m|\n|\t)/)
    .map((piece, i) => i % 2 === 1 ? piece : plain(piece)).join("");
}

export function systemOutput(environment: (name: string) => string | undefined): Output {
  const stream = (file: typeof Deno.stdout, shown = (text: string) => text): Stream => {
    const isTerminal = file.isTerminal();
    const encoder = new TextEncoder();
    const write = (text: string) => {
      const data = encoder.encode(shown(text));
      let written = 0;
      try {
        while (written < data.length) written += file.writeSync(data.subarray(written));
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) throw error;
        const why = error instanceof Error ? error.message : String(error);
        throw new RalphError("failed", `cannot write the output: ${plain(why, 200)}`, [], {
          cause: error,
        });
      }
    };
    const plainTerminal = environment("NO_COLOR") !== undefined || environment("TERM") === "dumb";
    return {
      write,
      line: (text = "") => write(text + "\n"),
      isTerminal,
      width() {
        const columns = Number(environment("COLUMNS")) ||
          (isTerminal ? Deno.consoleSize().columns : WIDTH_WITHOUT_TERMINAL);
        return Math.max(columns, WIDTH_MIN);
      },
      colors: picocolors.createColors(isTerminal && !plainTerminal),
    };
  };
  return {
    out: stream(Deno.stdout),
    err: stream(Deno.stderr, safeOnTerminal),
    inputIsTerminal: Deno.stdin.isTerminal(),
  };
}
