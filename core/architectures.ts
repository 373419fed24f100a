/** Docker's names of architectures, by Node's; all others have one name. */
const DOCKER: Record<string, string> = { x64: 'amd64', ia32: '386' };
const NODE = Object.fromEntries(Object.entries(DOCKER).map(([node, docker]) => [docker, node]));

/** As Docker names it, e.g. `amd64`, what Node names `x64`. */
export function dockerArchitecture(node: string): string {
  return DOCKER[node] ?? node;
}

/** As Node names it, e.g. `x64`, what Docker names `amd64`. */
export function nodeArchitecture(docker: string): string {
  return NODE[docker] ?? docker;
}
