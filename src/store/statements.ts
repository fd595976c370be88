/** How SQL is run: each statement is prepared once, and its failures are reported in a user's words. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import { databaseError, type DatabasePlace } from "./store_error.ts";

export type Row = Record<string, SQLOutputValue>;

export type Statements = ReturnType<typeof statements>;

/** Runs SQL with named parameters. What the database refuses is thrown as `StoreError`. */
export function statements(database: DatabaseSync, place: DatabasePlace) {
  type Values = Record<string, SQLInputValue>;
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const translate = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw databaseError(error, place);
    }
  };
  const prepare = (sql: string) => {
    const known = prepared.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    // A number that JavaScript has none for is an error otherwise, and hides all other rows.
    statement.setReadBigInts(true);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    translate,
    one(sql: string, values: Values): Row | undefined {
      const row = translate(() => prepare(sql).get(values));
      return row && withNumbers(row);
    },
    many: (sql: string, values: Values): Row[] =>
      translate(() => prepare(sql).all(values)).map(withNumbers),
    change: (sql: string, values: Values): number =>
      translate(() => Number(prepare(sql).run(values).changes)),
  };
}

/** Integers as JavaScript's numbers, the nearest ones. */
function withNumbers(row: Row): Row {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value === "bigint") row[column] = Number(value);
  }
  return row;
}
