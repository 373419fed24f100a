export { buildApplication } from './buildApplication.ts';
export { computeLifecycle } from './computeLifecycle.ts';
export { migrateCompute } from './migrateCompute.ts';
export { pullImage } from './pullImage.ts';
