import { DrayageError } from './cause.ts';

/** `10.77.1.0` as a number of 32 bits. */
export function ipToNumber(ip: string): number {
  const parts = ip.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    throw new RangeError(`${ip} is no IPv4 address`);
  return parts.reduce((number, part) => number * 256 + part, 0);
}

export function numberToIp(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** A compute's MAC: 02:42 and the four bytes of its IP, as Docker does, so that it is unique where the IP is. */
export function macOfIp(ip: string): string {
  const bytes = ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '42', ...bytes].join(':');
}

export interface AddressRange {
  /** First and last address given out, as numbers. */
  first: number;
  last: number;
  /** Prefix length of the computes' network. */
  prefix: number;
  gateway?: string | undefined;
}

/** Reads subnet (`10.77.0.0/16`) and range (`10.77.1.0-10.77.250.255`). @throws DrayageError addressRange */
export function parseAddressRange(subnet: string, range: string, gateway?: string): AddressRange {
  try {
    const [base = '', bits = ''] = subnet.split('/');
    const [from = '', to = ''] = range.split('-');
    const prefix = Number(bits);
    const [first, last] = [ipToNumber(from), ipToNumber(to)];
    const size = 2 ** (32 - prefix);
    const network = (number: number) => Math.floor(number / size);
    if (!Number.isInteger(prefix) || prefix < 8 || prefix > 30)
      throw new RangeError('the prefix must be 8 to 30');
    if (first > last) throw new RangeError('the range ends before it begins');
    const inside = [first, last, ...(gateway === undefined ? [] : [ipToNumber(gateway)])];
    if (inside.some((number) => network(number) !== network(ipToNumber(base))))
      throw new RangeError('the range or the gateway is outside the subnet');
    if (gateway !== undefined && ipToNumber(gateway) >= first && ipToNumber(gateway) <= last)
      throw new RangeError('the gateway is one of the addresses for computes');
    return { first, last, prefix, gateway };
  } catch (error) {
    throw new DrayageError(
      {
        code: 'addressRange',
        message: `The addresses for computes (${subnet}, ${range}) cannot be used: ${(error as Error).message}.`,
        mend: 'Set DRAYAGE_COMPUTE_SUBNET and DRAYAGE_COMPUTE_RANGE, e.g. 10.77.0.0/16 and 10.77.1.0-10.77.250.255.',
      },
      { cause: error },
    );
  }
}
