import { describe, expect, test } from 'vitest';
import { answerTo, heardServices, serviceRecords, type ServiceOnCard } from './dnsSd.ts';

const TYPE = '_drayage._tcp';
const service: ServiceOnCard = {
  type: TYPE,
  instance: 'drayage-1',
  address: '10.0.0.9',
  port: 7443,
  txt: { version: '1.2.3', authority: 'x=y' },
};
const heard = {
  instance: 'drayage-1',
  address: '10.0.0.9',
  port: 7443,
  txt: { version: '1.2.3', authority: 'x=y' },
};
/** As a decoder gives them: texts are bytes. */
const decoded = (records: unknown[]) =>
  records.map((record) => {
    const { type, data } = record as { type: string; data: string[] };
    return type === 'TXT' ? { ...(record as object), data: data.map((item) => Buffer.from(item)) } : record;
  });
const without = (type: string) => decoded(serviceRecords(service)).filter((one) => typeOf(one) !== type);
const typeOf = (record: unknown) => (record as { type: string }).type;

describe('a query', () => {
  test.each<[string, string, string, string[] | null]>([
    ['for the type', 'PTR', '_drayage._tcp.local', ['PTR']],
    ['in other letters', 'PTR', '_DRAYAGE._TCP.local', ['PTR']],
    ['for anything of the instance', 'ANY', 'drayage-1._drayage._tcp.local', ['SRV', 'TXT']],
    ['for its host', 'A', 'drayage-1.local', ['A']],
    ['for what there is', 'PTR', '_services._dns-sd._udp.local', ['PTR']],
    ['for another type', 'PTR', '_http._tcp.local', null],
    ['for another kind of record', 'AAAA', 'drayage-1.local', null],
  ])('%s is answered with what it asks for', (_what, type, name, kinds) => {
    const answer = answerTo([{ name, type }], service);
    expect(answer?.answers.map(typeOf) ?? null).toEqual(kinds);
  });

  test('for the type is answered with all that is needed to connect', () => {
    const answer = answerTo([{ name: '_drayage._tcp.local', type: 'PTR' }], service)!;
    expect(heardServices(decoded([...answer.answers, ...answer.additionals]), TYPE, '1.1.1.1')).toEqual([
      heard,
    ]);
  });
});

describe('a response', () => {
  test('tells of a service', () => {
    expect(heardServices(decoded(serviceRecords(service)), TYPE, '1.1.1.1')).toEqual([heard]);
  });

  test('without a host record names the address that it came from', () => {
    expect(heardServices(without('A'), TYPE, '1.1.1.1')).toEqual([{ ...heard, address: '1.1.1.1' }]);
  });

  test.each<[string, unknown[]]>([
    ['of an end', decoded(serviceRecords(service, true))],
    ['without a text', without('TXT')],
    ['without a port', without('SRV')],
    ['of another type', decoded(serviceRecords({ ...service, type: '_http._tcp' }))],
    ['with a port that is none', decoded(serviceRecords({ ...service, port: 0 }))],
    ['of what is no record', [null, 7, {}, { type: 'SRV' }, { type: 'OPT', name: '.' }]],
  ])('%s tells of none', (_what, records) => {
    expect(heardServices(records, TYPE, '1.1.1.1')).toEqual([]);
  });

  test('with records of strangers beside it is understood', () => {
    const strange = [
      { type: 'OPT', name: '.', flags: 0 },
      { type: 'A', name: 'x', ttl: 1, data: 'no address' },
    ];
    expect(heardServices([...strange, ...decoded(serviceRecords(service))], TYPE, '1.1.1.1')).toEqual([
      heard,
    ]);
  });
});
