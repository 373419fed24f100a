export * from './accounts.ts';
export * from './computes.ts';
export * from './devices.ts';
export * from './events.ts';
export * from './images.ts';
export * from './metrics.ts';
export * from './migrations.ts';
export * from './tenants.ts';
