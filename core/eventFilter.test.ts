import { describe, expect, it } from 'vitest';
import { type EventFilter, parseEventTypes, wantsEvent } from './eventFilter.ts';

const event = { type: 'compute.running', subject: 'cmp_1', tenantId: 'ten_1' };
const all: EventFilter = { tenants: 'all', types: [] };

describe('wantsEvent', () => {
  it.each<
    [string, EventFilter, Partial<Record<'type' | 'subject', string>> & { tenantId?: string | null }, boolean]
  >([
    ['everything', all, {}, true],
    ["the installation's, who sees all", all, { tenantId: null }, true],
    ["the installation's, who sees a tenant", { ...all, tenants: ['ten_1'] }, { tenantId: null }, false],
    ['a device, who sees a tenant', { ...all, tenants: [] }, { type: 'device.ready', tenantId: null }, true],
    ['a tenant that may be seen', { ...all, tenants: ['ten_2', 'ten_1'] }, {}, true],
    ['another tenant', { ...all, tenants: ['ten_2'] }, {}, false],
    ['nobody', { ...all, tenants: [] }, {}, false],
    ['the type itself', { ...all, types: ['compute.running'] }, {}, true],
    ['a type that only begins so', { ...all, types: ['compute.run'] }, {}, false],
    ['the kind', { ...all, types: ['compute.*'] }, {}, true],
    ['one of several kinds', { ...all, types: ['device.*', 'compute.*'] }, {}, true],
    ['another kind', { ...all, types: ['migration.*'] }, {}, false],
    ['a kind that begins alike', { ...all, types: ['compute.*'] }, { type: 'computes.running' }, false],
    ['any type', { ...all, types: ['*'] }, {}, true],
    ['the subject', { ...all, subject: 'cmp_1' }, {}, true],
    ['another subject', { ...all, subject: 'cmp_2' }, {}, false],
    ['the subject, but another type', { ...all, subject: 'cmp_1', types: ['device.*'] }, {}, false],
  ])('%s', (_name, filter, over, wanted) => {
    expect(wantsEvent(filter, { ...event, ...over })).toBe(wanted);
  });
});

describe('parseEventTypes', () => {
  it.each<[string, string[]]>([
    ['compute.*', ['compute.*']],
    ['compute.*, migration.rolledBack', ['compute.*', 'migration.rolledBack']],
    ['*', ['*']],
  ])('reads %s', (text, types) => {
    expect(parseEventTypes(text)).toEqual(types);
  });

  it.each(['', 'compute.*,', 'compute*', '*.running', 'Compute.*', 'compute..x', 'a b'])(
    'refuses %j',
    (text) => {
      expect(() => parseEventTypes(text)).toThrow(/no type of events/);
    },
  );
});
