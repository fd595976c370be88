/** What SQLite promises of a commit is set for each connection: so it is read on the store's own. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../../src/store/store.ts";
import { migrations } from "../../support/migrations.ts";
import { temporaryFolder } from "../../support/folder.ts";

/** The connections that `open` uses. The store shows its own to nobody. */
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

Deno.test("what the store has recorded is on the disk: each commit waits for it (FULL)", () => {
  using dir = temporaryFolder();
  const options = { path: `${dir.path}/s.db`, migrations, now: () => 0 };
  openStore(options).close(); // made, so that the next one opens no other for a copy
  const { result: store, connections } = connectionsOf(() => openStore(options));
  assert.equal(connections.length, 1);
  // 2 is FULL (sqlite.org/pragma.html)
  assert.equal(connections[0].prepare("PRAGMA synchronous").get()?.synchronous, 2);
  assert.equal(connections[0].prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
  store.close();
});
