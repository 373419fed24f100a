/**
 * How many of an image's layers, from the lowest up, a device has in this very order: an engine keeps a layer by all that
 * lies below it. `held` are the layers of its images.
 */
export function leadingLayers(wanted: readonly string[], held: readonly (readonly string[])[]): number {
  return Math.max(0, ...held.map((layers) => sharedLength(wanted, layers)));
}

function sharedLength(one: readonly string[], other: readonly string[]): number {
  const differs = one.findIndex((layer, index) => layer !== other[index]);
  return differs === -1 ? one.length : differs;
}
