/** What is written of a person's edits of a PRD. Documented where the store is: `store.ts`. */
import { insertInto, type Writing } from "./leased_writes.ts";
import type { PrdEdit } from "./model.ts";

export function editWrites({ one, change, atomically }: Writing) {
  return {
    addPrdEdit(
      taskDir: string,
      { before, beforeCtimeMs, after, at }: PrdEdit,
    ): { id: number; iteration: number } | undefined {
      return atomically(() => {
        const open = one(
          `SELECT i.session_id, i.number FROM iterations AS i JOIN sessions AS s
            ON s.id = i.session_id WHERE s.task_dir = @taskDir AND s.status = 'running'
            AND i.outcome IS NULL`,
          { taskDir },
        );
        if (!open) return undefined;
        const columns = {
          session_id: open.session_id,
          iteration: open.number,
          before,
          before_ctime_ms: beforeCtimeMs ?? null,
          after,
          edited_at_ms: at,
        };
        const row = one(insertInto("prd_edits", columns, "RETURNING id"), columns);
        return { id: Number(row?.id), iteration: Number(open.number) };
      });
    },

    removePrdEdit(id: number): void {
      change("DELETE FROM prd_edits WHERE id = @id", { id });
    },

    /** Call it in the transaction that ends the iteration. */
    forgetEdits(sessionId: number, iteration: number): void {
      const some = one(
        "SELECT 1 FROM prd_edits WHERE session_id = @sessionId AND iteration = @iteration LIMIT 1",
        { sessionId, iteration },
      );
      if (!some) return;
      change(
        "DELETE FROM prd_edits WHERE session_id = @sessionId AND iteration = @iteration",
        { sessionId, iteration },
      );
    },
  };
}
