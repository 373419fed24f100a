import { homedir } from 'node:os';
import { join } from 'node:path';

/** ${XDG_CACHE_HOME:-~/.cache}/drayage, as the bootstrap scripts have it. */
export function cacheDirectory(): string {
  const { DRAYAGE_CACHE, XDG_CACHE_HOME } = process.env;
  return DRAYAGE_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drayage');
}
