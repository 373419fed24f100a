export const STEERING_TABLE = 'bridge drayage_flows';

const TUPLE = 'ip saddr . ip protocol . th sport . ip daddr . th dport';

/**
 * A table of its own, for what is in it is the kernel's: it has to outlive a change of the other rules, and a worker. A
 * connection that begins anew with the same numbers is no longer the old one. One that ends stays for its last words;
 * datagrams stay as long as the tracking of connections keeps them (nf_conntrack_udp_timeout_stream).
 */
export const STEERING_RULES = `table ${STEERING_TABLE} {
  map via { typeof ${TUPLE} : ether daddr; flags timeout; timeout 30d; }
  set steered { typeof ${TUPLE}; flags dynamic,timeout; timeout 30d; size 65536; }
  chain steer { }
  chain prerouting { type filter hook prerouting priority dstnat; policy accept; }
}
flush chain ${STEERING_TABLE} steer
flush chain ${STEERING_TABLE} prerouting
table ${STEERING_TABLE} {
  chain steer {
    tcp flags & (syn | ack) == syn delete @steered { ${TUPLE} } return
    tcp flags & (fin | rst) != 0 update @steered { ${TUPLE} timeout 2m }
    ip protocol udp update @steered { ${TUPLE} timeout 2m }
    ether daddr set ${TUPLE} map @via
  }
  chain prerouting {
    iifname "dv*" ${TUPLE} @steered goto steer
  }
}
`;
