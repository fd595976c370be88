/**
 * A session's folder in which nothing counts but what ralph wrote. An agent runs as the same user, and
 * can write there too; what each file must hold is remembered by the worker, and on record elsewhere.
 */
import { createHash } from "node:crypto";
import { RalphError } from "../../error.ts";
import type { SessionFolder } from "./session_folder.ts";

export interface KeptHash {
  readonly name: string;
  readonly sha256: string;
  /** Of what it takes the place of, empty for nothing; null once it is written. */
  readonly earlier: string | null;
}

/** Where the hashes outlive the worker. Throws what its place throws. */
export interface KeptHashes {
  /** Of this session; undefined when there is none at all yet, not of an earlier session either. */
  all(): readonly KeptHash[] | undefined;
  /** All of them, or none. */
  put(hashes: readonly KeptHash[]): void;
}

/**
 * The folder, checked. A file that is not as it was written, or is gone, is told to `onLost`, with what
 * was done to it, and read as one that was never written; so is a file that ralph did not write.
 *
 * `adopted`: names of what an earlier version of ralph has kept, which wrote down no hashes.
 */
export function checkedFolder(
  folder: SessionFolder,
  { hashes, adopted, onLost }: {
    hashes: KeptHashes;
    adopted: readonly string[];
    onLost: (name: string, how: "changed" | "removed") => void;
  },
): Pick<SessionFolder, "path" | "read" | "write"> {
  const known = new Map<string, string>();
  for (const hash of hashes.all() ?? adopt()) {
    const is = whichIsThere(hash);
    if (is !== "") known.set(hash.name, is);
  }

  function adopt(): readonly KeptHash[] {
    const found = adopted.flatMap((name) => {
      const sha256 = hashOf(readAny(name));
      return sha256 === "" ? [] : [{ name, sha256, earlier: null }];
    });
    hashes.put(found);
    return found;
  }

  /** A worker may have died between the hash and the file. */
  function whichIsThere({ name, sha256, earlier }: KeptHash): string {
    return earlier !== null && hashOf(readAny(name)) === earlier ? earlier : sha256;
  }

  /** What is there and cannot be read is no file of ralph's. */
  function readAny(name: string): Uint8Array | "unreadable" | undefined {
    try {
      return folder.read(name);
    } catch (error) {
      if (error instanceof RalphError) return "unreadable";
      throw error;
    }
  }

  return {
    path: folder.path,
    read(name) {
      const expected = known.get(name);
      if (expected === undefined) return undefined;
      const found = readAny(name);
      if (found instanceof Uint8Array && hashOf(found) === expected) return found;
      onLost(name, found === undefined ? "removed" : "changed");
      return undefined;
    },
    write(name, bytes) {
      const sha256 = hashOf(bytes);
      const earlier = known.get(name) ?? "";
      if (earlier === sha256) {
        // An agent may have removed or changed it; where it has not, the disk need not be waited for.
        if (hashOf(readAny(name)) !== sha256) folder.write(name, bytes);
        return;
      }
      hashes.put([{ name, sha256, earlier }]);
      folder.write(name, bytes);
      known.set(name, sha256);
      hashes.put([{ name, sha256, earlier: null }]);
    },
  };
}

/** Empty for what is not there. */
function hashOf(bytes: Uint8Array | "unreadable" | undefined): string {
  if (bytes === undefined || bytes === "unreadable") return bytes ?? "";
  return createHash("sha256").update(bytes).digest("hex");
}
