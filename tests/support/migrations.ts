/** The migrations of this program, read from their folder. */
import { migrationsOf } from "../../src/app/store.ts";

export const migrations = migrationsOf({
  mainUrl: new URL("../../main.ts", import.meta.url).href,
});
