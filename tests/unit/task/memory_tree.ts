/** A file system in memory. */
import * as path from "node:path";
import type { Tree } from "../../../src/task/places.ts";

const LINKS_MAX = 40;

/**
 * Of absolute paths and what they are: text of a file, `null` for a folder, `{ link }` for a link.
 * The folders above each path are made. `opened` takes down every path that is asked for.
 */
export function memoryTree(
  entries: Readonly<Record<string, string | null | { link: string }>>,
  opened: string[] = [],
): Tree {
  const nodes = new Map<string, string | null | { link: string }>([["/", null]]);
  for (const [name, node] of Object.entries(entries)) {
    for (let up = path.dirname(name); up !== "/"; up = path.dirname(up)) {
      if (!nodes.has(up)) nodes.set(up, null);
    }
    nodes.set(name, node);
  }

  function realPath(name: string, links = 0): string | undefined {
    let real = "/";
    const parts = path.resolve(name).split("/").filter((part) => part !== "");
    for (const [index, part] of parts.entries()) {
      const next = path.join(real, part);
      const node = nodes.get(next);
      if (node === undefined || links > LINKS_MAX) return undefined;
      if (typeof node === "object" && node !== null) {
        const target = path.resolve(real, node.link);
        return realPath(path.join(target, ...parts.slice(index + 1)), links + 1);
      }
      real = next;
    }
    return real;
  }

  return {
    realPath(name) {
      opened.push(name);
      return realPath(name);
    },
    kind(name) {
      opened.push(name);
      const real = realPath(name);
      if (real === undefined) return undefined;
      return nodes.get(real) === null ? "directory" : "file";
    },
    read(name) {
      opened.push(name);
      const text = nodes.get(realPath(name) ?? "");
      return typeof text === "string" ? new TextEncoder().encode(text) : undefined;
    },
    list(name) {
      opened.push(name);
      const real = realPath(name);
      if (real === undefined) return [];
      return [...nodes.keys()].filter((one) => one !== "/" && path.dirname(one) === real)
        .map((one) => path.basename(one)).reverse();
    },
  };
}
