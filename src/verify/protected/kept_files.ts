/** `kept.json`: which protected files a session has kept, and what they were. */
import * as z from "zod";
import type { FileState } from "../../host/files/file_state.ts";
import { isJson } from "../../json.ts";
import { parseStored } from "../../stored_json.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { Entries, EntryField } from "./script_entries.ts";

export interface KeptFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly state: FileState;
  /** Name of the file in `folder` that has the content, if there is any. */
  readonly content?: string;
  /** Where only these entries of the file are protected. */
  readonly only?: { readonly field: EntryField; readonly entries: Entries };
}

interface Kept {
  /** The keys of the gates, and the globs, that were looked at: a second look finds nothing new. */
  readonly gates: readonly string[];
  readonly protect: readonly string[];
  readonly files: readonly KeptFile[];
}

/** Where it is: in files that only ralph's own word comes back from. */
export interface KeptIndex {
  /** Path of the file, for a person. */
  readonly path: string;
  read(): Uint8Array | undefined;
  write(bytes: Uint8Array): void;
}

/** Whose it is. */
interface Place {
  readonly root: string;
  readonly session: string;
  readonly index: KeptIndex;
}

const VERSION = 1;

const stateSchema: z.ZodType<FileState> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("file"),
    hash: z.string(),
    executable: z.boolean(),
    modifiedMs: z.number(),
    key: z.string().optional(),
  }),
  z.object({ kind: z.literal("link"), target: z.string() }),
  z.object({ kind: z.literal("other") }),
  z.object({ kind: z.literal("absent") }),
]);

const fileSchema: z.ZodType<KeptFile> = z.object({
  path: z.string(),
  state: stateSchema,
  content: z.string().regex(/^\d+$/).optional(),
  only: z.object({
    field: z.enum(["scripts", "tasks"]),
    entries: z.record(z.string(), z.string().refine(isJson, "malformed JSON").nullable()),
  }).optional(),
});

const keptSchema = z.object({
  version: z.literal(VERSION),
  session: z.string(),
  root: z.string(),
  gates: z.array(z.string()),
  protect: z.array(z.string()),
  files: z.array(fileSchema),
});

/**
 * What this session has kept; undefined when it has kept nothing yet. Throws `RalphError` (`state`)
 * when that cannot be read: what is in the project now may be the agent's, and must not be kept in
 * its place.
 */
export function readKept({ root, session, index }: Place): Kept | undefined {
  const bytes = index.read();
  if (!bytes) return undefined;
  const kept = parseStored(new TextDecoder().decode(bytes), {
    schema: keptSchema,
    what: `which files are protected, in ${plain(index.path)}`,
    hints: [{
      text: "a new session keeps these files as they are then; see first what was changed in them",
      command: `git -C ${shellWord(root)} diff`,
    }],
  });
  return kept.session === session && kept.root === root ? kept : undefined;
}

/** Throws what `index` throws. */
export function writeKept(
  { root, session, index }: Place,
  { gates, protect, files }: Kept,
): void {
  const stored: z.infer<typeof keptSchema> = {
    version: VERSION,
    session,
    root,
    gates: [...gates],
    protect: [...protect],
    files: [...files],
  };
  index.write(new TextEncoder().encode(JSON.stringify(stored)));
}
