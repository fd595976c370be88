/** A release page on loopback, with the faults that a network has. */
import { join } from "node:path";
import { temporaryFolder } from "./folder.ts";

export interface ReleasePage extends AsyncDisposable {
  readonly url: string;
  /** The paths that were asked for. */
  readonly asked: readonly string[];
  /** Adds a release, and makes it the newest. `program`: a file's text, or the path of a file. */
  release(version: string, program?: Program): Promise<void>;
  /** What a path, such as `/download/v0.2.0/SHA256SUMS`, answers in place of what is there. */
  spoil(path: string, answer: () => Response): void;
}

type Program = { text: string } | { path: string };

/** By which `install.sh` knows a program as ralph: a line of its own, which the real one brings along. */
export const MARK = "REPOSITORY=ralph-loop/ralph";

/** A program that says its version, and nothing else. */
const saying = (version: string): Program => ({
  text: `#!/bin/sh\n${MARK}\necho "ralph ${version} (Deno 2.7.11, SQLite 3.50.2)"\n`,
});

/** For the platform of this machine: `linux-x64`. */
export const TARGET = `${Deno.build.os === "darwin" ? "macos" : "linux"}-${
  Deno.build.arch === "aarch64" ? "arm64" : "x64"
}`;
export const ARCHIVE = `ralph-${TARGET}.tar.gz`;

export function playReleases(): ReleasePage {
  const folder = temporaryFolder("ralph-releases-");
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const spoiled = new Map<string, () => Response>();
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    const spoil = spoiled.get(pathname);
    if (spoil) return spoil();
    const file = files.get(pathname);
    return file ? new Response(file) : new Response("no such page", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    asked,
    spoil: (path, answer) => void spoiled.set(path, answer),
    async release(version, program = saying(version)) {
      const text = new TextEncoder();
      const archive = await packed(folder.path, program);
      const sum = await crypto.subtle.digest("SHA-256", archive);
      const hex = [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join(
        "",
      );
      files.set(`/download/v${version}/${ARCHIVE}`, archive);
      files.set(`/download/v${version}/SHA256SUMS`, text.encode(`${hex}  ${ARCHIVE}\n`));
      files.set("/latest/download/VERSION", text.encode(`${version}\n`));
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      folder[Symbol.dispose]();
    },
  };
}

/** As the release workflow packs it. */
async function packed(folder: string, program: Program): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(folder, "ralph");
  if ("text" in program) await Deno.writeTextFile(path, program.text);
  else await Deno.copyFile(program.path, path);
  await Deno.chmod(path, 0o755);
  const { success, stdout } = await new Deno.Command("tar", {
    args: ["-czf", "-", "-C", folder, "ralph"],
  }).output();
  if (!success) throw new Error("tar failed");
  return stdout;
}
