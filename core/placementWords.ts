/** `37 %` */
export function formatShare(share: number): string {
  return `${String(Math.round(share * 100))} %`;
}

/** Bytes a second as networks are spoken of: `940 Mbit/s`. */
export function formatRate(bytesPerSecond: number): string {
  const mbit = (bytesPerSecond * 8) / 1e6;
  return mbit >= 10 ? `${String(Math.round(mbit))} Mbit/s` : `${mbit.toFixed(1)} Mbit/s`;
}
