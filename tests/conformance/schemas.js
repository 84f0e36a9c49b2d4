// Takes the official JSON schemas out of the conformance suite, which has them as object literals in
// its bundle, with a table of them by revision behind the last:
//
//   var ...,a={$schema:...},...,d={$schema:...};const t={"2025-03-26":a,...,[v]:d};
//
//   schemas.js <bundle> <out-dir>

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'];

const [bundleFile, out] = process.argv.slice(2);
const bundle = fs.readFileSync(bundleFile, 'utf8');

// The one match of a pattern in the bundle, which was not written to be read.
function only(pattern) {
  const matches = [...bundle.matchAll(pattern)];
  if (matches.length === 1) return matches[0];
  throw new Error(`${matches.length} matches of ${pattern}: look at how this suite has its schemas`);
}

const table = only(/\bconst [\w$]+=(\{"2025-03-26":([\w$]+),[^{}]*\[([\w$]+)\]:[\w$]+\});/g);
const [, entries, first, latest] = table;
const begin = only(new RegExp(`,${first.replace(/\$/g, '\\$')}=\\{\\$schema:`, 'g')).index + 1;
const version = only(new RegExp(`,${latest.replace(/\$/g, '\\$')}=(\`[0-9-]+\`)`, 'g'))[1];

// Literals need nothing around them, so they get nothing.
const literals = `const ${latest}=${version},${bundle.slice(begin, table.index)}(${entries})`;
const schemas = vm.runInNewContext(literals, Object.create(null));

for (const revision of REVISIONS) {
  const definitions = schemas[revision]?.$defs ?? schemas[revision]?.definitions;
  if (!definitions?.CallToolResult) throw new Error(`the suite has no schema of ${revision}`);
  fs.writeFileSync(path.join(out, `${revision}.json`), JSON.stringify(schemas[revision], null, 2));
}
