import type { Story } from "../../src/task/prd.ts";

/** A story with nothing in it but what a decision looks at. */
export function story(id: string, passes: boolean): Story {
  return {
    id,
    title: id,
    description: "",
    criteria: [],
    priority: 1,
    passes,
    notes: "",
    dependsOn: [],
    line: 1,
  };
}
