// Exits 0 when node_modules holds exactly the versions that package-lock.json names. Runs on Node >= 20, before `npm ci`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2] ?? '.';
const packagesOf = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;

try {
  const wanted = packagesOf('package-lock.json');
  const have = packagesOf('node_modules/.package-lock.json');
  const missing = Object.entries(wanted).filter(
    ([path, entry]) =>
      path !== '' && !entry.optional && !entry.devOptional && have[path]?.version !== entry.version,
  );
  process.exit(missing.length === 0 ? 0 : 1);
} catch {
  process.exit(1);
}
