/** Name of the device-side end of a compute's veth pair (15 characters at most, IFNAMSIZ). */
export function vethName(computeId: string): string {
  return `dv${computeId.slice(computeId.indexOf('_') + 1)}`;
}

/** Whether an interface of the device is a compute's. */
export function isVethName(name: string): boolean {
  return /^dv[0-9a-z]{12}$/.test(name);
}
