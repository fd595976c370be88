/** What SQLite promises of a commit is set for each connection: so it is read on the registry's own. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openRegistry } from "../../../src/registry/registry.ts";
import { migrations } from "../../fixtures/earlier/migrations.ts";
import { temporaryFolder } from "../../support/folder.ts";

/** The connections that `open` uses. The registry shows its own to nobody. */
function connectionsOf<T>(open: () => T): { result: T; connections: readonly DatabaseSync[] } {
  const { prepare } = DatabaseSync.prototype;
  const connections = new Set<DatabaseSync>();
  DatabaseSync.prototype.prepare = function (sql) {
    connections.add(this);
    return prepare.call(this, sql);
  };
  try {
    return { result: open(), connections: [...connections] };
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
}

Deno.test("what the registry has recorded is on the disk: each commit waits for it (FULL)", () => {
  using dir = temporaryFolder();
  const options = { path: `${dir.path}/s.db`, migrations, now: () => 0 };
  openRegistry(options).close(); // made, so that the next one opens no other for a copy
  const { result: registry, connections } = connectionsOf(() => openRegistry(options));
  assert.equal(connections.length, 1);
  // 2 is FULL (sqlite.org/pragma.html)
  assert.equal(connections[0].prepare("PRAGMA synchronous").get()?.synchronous, 2);
  assert.equal(connections[0].prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
  registry.close();
});
