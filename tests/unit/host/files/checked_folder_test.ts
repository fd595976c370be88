import assert from "node:assert/strict";
import {
  checkedFolder,
  type KeptHash,
  type KeptHashes,
} from "../../../../src/host/files/checked_folder.ts";
import { sessionFolder } from "../../../../src/host/files/session_folder.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Hashes in memory; `undefined` until something is put. */
function record(): KeptHashes {
  const rows = new Map<string, KeptHash>();
  return {
    all: () => rows.size === 0 ? undefined : [...rows.values()],
    put(hashes) {
      for (const hash of hashes) rows.set(hash.name, hash);
    },
  };
}

function world() {
  const dir = temporaryFolder();
  const lost: string[] = [];
  const hashes = record();
  return {
    path: dir.path,
    lost,
    hashes,
    /** As the next worker opens it. */
    open(adopted: readonly string[] = []) {
      const folder = checkedFolder(sessionFolder(dir.path), {
        hashes,
        adopted,
        onLost: (name, how) => lost.push(`${name} ${how}`),
      });
      const read = (name: string) => {
        const found = folder.read(name);
        return found && new TextDecoder().decode(found);
      };
      return { write: (name: string, text: string) => folder.write(name, bytes(text)), read };
    },
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}

Deno.test("what is written is read, by the next worker too", () => {
  using it = world();
  const folder = it.open();
  assert.equal(folder.read("a"), undefined);
  folder.write("a", "1");
  folder.write("deep/b", "2");
  folder.write("a", "3");
  for (const one of [folder, it.open()]) {
    assert.deepEqual([one.read("a"), one.read("deep/b")], ["3", "2"]);
  }
  assert.deepEqual(it.lost, []);
});

Deno.test("a file that is not as it was written is read as none, and told", () => {
  using it = world();
  const folder = it.open();
  for (const name of ["changed", "removed", "a folder"]) folder.write(name, "mine");
  Deno.writeTextFileSync(`${it.path}/changed`, "forged");
  Deno.removeSync(`${it.path}/removed`);
  Deno.removeSync(`${it.path}/a folder`);
  Deno.mkdirSync(`${it.path}/a folder`);
  for (const one of [folder, it.open()]) {
    it.lost.length = 0;
    for (const name of ["changed", "removed", "a folder"]) assert.equal(one.read(name), undefined);
    assert.deepEqual(it.lost, ["changed changed", "removed removed", "a folder changed"]);
  }
});

Deno.test("what is written again as it was is put back where it was changed, and left alone where not", () => {
  using it = world();
  const folder = it.open();
  for (const name of ["same", "changed", "removed"]) folder.write(name, "mine");
  Deno.writeTextFileSync(`${it.path}/changed`, "forged");
  Deno.removeSync(`${it.path}/removed`);
  const inode = () => Deno.lstatSync(`${it.path}/same`).ino;
  const before = inode();
  for (const name of ["same", "changed", "removed"]) folder.write(name, "mine");
  assert.equal(inode(), before);
  assert.deepEqual(["same", "changed", "removed"].map(folder.read), ["mine", "mine", "mine"]);
  assert.deepEqual(it.lost, []);
});

Deno.test("a file that was put there before ralph wrote one is none", () => {
  using it = world();
  it.open().write("a", "1");
  Deno.writeTextFileSync(`${it.path}/b`, "planted");
  assert.equal(it.open(["b"]).read("b"), undefined);
  assert.deepEqual(it.lost, []);
});

Deno.test("an older content that was once ralph's is forged too", () => {
  using it = world();
  const folder = it.open();
  folder.write("a", "1");
  folder.write("a", "2");
  Deno.writeTextFileSync(`${it.path}/a`, "1");
  assert.equal(it.open().read("a"), undefined);
  assert.deepEqual(it.lost, ["a changed"]);
});

for (const earlier of [undefined, "1"]) {
  Deno.test(`killed at any moment of a write over ${earlier ?? "nothing"}: the next worker reads what is there`, () => {
    for (const puts of [0, 1, 2]) {
      for (const isWritten of puts === 0 ? [false] : puts === 1 ? [false, true] : [true]) {
        using it = world();
        const folder = it.open();
        folder.write("other", "x");
        if (earlier !== undefined) folder.write("a", earlier);
        // What a worker leaves that dies after so many of its steps.
        const { put } = it.hashes;
        let left = puts;
        it.hashes.put = (hashes) => {
          if (left-- <= 0) throw new Error("killed");
          put.call(it.hashes, hashes);
        };
        try {
          folder.write("a", "2");
        } catch (error) {
          assert.match(`${error}`, /killed/);
        }
        if (!isWritten && earlier !== undefined) Deno.writeTextFileSync(`${it.path}/a`, earlier);
        if (!isWritten && earlier === undefined) removeIfAny(`${it.path}/a`);
        it.hashes.put = put;
        const next = it.open();
        assert.equal(next.read("a"), isWritten ? "2" : earlier, `${puts} puts`);
        next.write("a", "3");
        assert.equal(it.open().read("a"), "3");
        assert.deepEqual(it.lost, []);
      }
    }
  });
}

Deno.test("what an earlier version kept, without a hash, is taken over once", () => {
  using it = world();
  Deno.writeTextFileSync(`${it.path}/a`, "1");
  assert.equal(it.open(["a", "missing"]).read("a"), "1");
  Deno.writeTextFileSync(`${it.path}/a`, "forged");
  assert.equal(it.open(["a", "missing"]).read("a"), undefined);
  assert.deepEqual(it.lost, ["a changed"]);
});

function removeIfAny(file: string): void {
  try {
    Deno.removeSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
