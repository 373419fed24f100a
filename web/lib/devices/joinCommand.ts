export interface JoinFacts {
  token: string;
  controlUrl: string;
  /** The name that the token gives; without it the device gives itself one. */
  name: string;
}

/** What is run on the device, in a checkout of Drayage, as root; `eth0` is its network card. */
export function joinCommand({ token, controlUrl, name }: JoinFacts): string {
  const named = name === '' ? '"$(hostname)"' : name;
  return [
    `DRAYAGE_JOIN_TOKEN=${token} sh deploy/install-device.sh`,
    `  --name ${named} --control-url ${controlUrl} --interface eth0`,
  ].join(' \\\n');
}
