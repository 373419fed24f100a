import { DrayageError } from '../../core/cause.ts';
import type { AppBuilder } from '../engine/appBuilder.ts';

/** The builder of a fake device, which builds nothing: the image would have no programs. */
export const fakeBuilder: AppBuilder = {
  find: () => Promise.resolve(null),
  build: () =>
    Promise.reject(
      new DrayageError({
        code: 'buildFailed',
        message: 'A fake device builds no applications.',
        mend: 'Choose a real device with `--device`, or cordon the fake ones.',
      }),
    ),
  discard: () => Promise.resolve(),
};
