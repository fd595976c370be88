/** What a report of ralph begins with: one that is there may be replaced. */
export const BEGINS_WITH = "<!doctype html>\n<!-- A report of ralph. -->\n";
