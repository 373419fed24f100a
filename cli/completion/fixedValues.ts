/** Values of options that are read by more than a list of choices. Named here and not by their schemas, which take time to load. */
export const CAPABILITIES = ['AUDIT_WRITE', 'MKNOD', 'NET_RAW', 'SETFCAP'];
export const POLICIES = ['no', 'always', 'on-failure'];
