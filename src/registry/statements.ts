/** How SQL is run: each statement is prepared once, and its failures are told in a user's words. */
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
    const statement = prepared.get(sql) ?? database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    translate,
    one: (sql: string, values: Values): Row | undefined =>
      translate(() => prepare(sql).get(values)),
    many: (sql: string, values: Values): Row[] => translate(() => prepare(sql).all(values)),
    change: (sql: string, values: Values): number =>
      translate(() => Number(prepare(sql).run(values).changes)),
  };
}
