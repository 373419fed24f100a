import { withLab } from '../lab/support.ts';
import { KINDS, testKinds } from '../lab/support/testKinds.ts';

testKinds(withLab(), KINDS, ['d2', 'd1', 'd2']);
