/** Environment files, and what systemd reads in them (252: `tests/systemd/server_env_test.ts` asks it). */
export const ENVIRONMENT_FILES: readonly (readonly [text: string, Record<string, string>])[] = [
  ["# A=commented\n; A=commented\n\nno pair\nB=1\n", { B: "1" }],
  ["  A  =  two words  \n", { A: "two words" }],
  ["A=first\nA=second\n", { A: "second" }],
  ["A=\nB=1", { A: "", B: "1" }],
  ["1BAD=x\nexport A=1\nB=1\n", { B: "1" }],
  ["A=$HOME `id`\n", { A: "$HOME `id`" }],
  ["A=line\r\nB=1\r\n", { A: "line", B: "1" }],
  ["\uFEFFA=1\nB=1\n", { B: "1" }],
  ["A=pässwörd€\n", { A: "pässwörd€" }],
  ["A=a#b #c\n", { A: "a#b #c" }],
  // Quotes count where the value begins.
  ['A="quoted # and = kept "  \n', { A: "quoted # and = kept " }],
  ["A='it is'\n", { A: "it is" }],
  ["A=a\"b'c\n", { A: "a\"b'c" }],
  ["A=\"one\"'two' three\n", { A: "onetwothree" }],
  ['A="two\nlines"\nB=1\n', { A: "two\nlines", B: "1" }],
  ["A='two\nlines'\nB=1\n", { A: "two\nlines", B: "1" }],
  ['A="open\nB=1\n', { A: "open\nB=1\n" }],
  // Backslashes.
  ["A=a\\\\$b #c  \n", { A: "a\\$b #c" }],
  ["A=a\\b\\ \n", { A: "ab " }],
  ["A=abc\\\nB=1\n", { A: "abcB=1" }],
  ["A='a\\b\\'\nB=1\n", { A: "a\\b\\", B: "1" }],
  ['A="a\\\\b\\"c\\$d\\`e\\f"\n', { A: 'a\\b"c$d`e\\f' }],
  ['A="a\\\nb"\n', { A: "ab" }],
];

/** Passwords that are written wrong when they are written raw. */
export const PASSWORDS: readonly string[] = [
  "plain",
  "a\\b\\",
  "a$b #c",
  'it\'s "quoted" `here`',
  " blanks around ",
  "=a=b&c/d%20",
  "pässwörd€",
];
