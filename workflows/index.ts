export { buildApplication } from './buildApplication.ts';
export { computeLifecycle } from './computeLifecycle.ts';
export { evacuate } from './evacuate.ts';
export { migrateCompute } from './migrateCompute.ts';
export { pullImage } from './pullImage.ts';
export { runSchedule } from './runSchedule.ts';
export { snapshotCompute } from './snapshotCompute.ts';
