/**
 * Says a state of a transfer to a peer as the source would, a program for a device:
 *   node sayState.ts TRANSFER GROUP EPOCH STATE PEER LINK_ADDRESS
 * It has the device's own identity, so that the peer cannot tell it from the worker. stdout: the peer's answer, JSON.
 */
import { linkIdentity, readIdentity } from '../../device/control/identityStore.ts';
import { LinkClient } from '../../device/link/linkClient.ts';

const [transfer = '', group = '', epoch = '', state = '', id = '', linkAddress = ''] = process.argv.slice(2);
const identity = await readIdentity('/var/lib/drayage');
if (identity === null) throw new Error('this device has not joined');
const link = await LinkClient.connect(linkIdentity(identity), { id, linkAddress });
const answer = await link.call(`/v1/transfers/${transfer}/exchange`, {
  role: 'source',
  group,
  epoch: Number(epoch),
  state,
});
process.stdout.write(JSON.stringify(answer));
link.close();
