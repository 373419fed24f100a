import type { Readable } from 'node:stream';
import type { BuildLog } from '../../device/control/buildLog.ts';
import type { AppBuilder } from '../../device/engine/appBuilder.ts';
import type { Engine } from '../../device/engine/types.ts';
import { withFailures } from '../failure.ts';
import { beating } from '../beating.ts';

export interface ApplicationDeps {
  builder: AppBuilder;
  engine: Pick<Engine, 'saveImage'>;
  control: {
    /** The application's archive: the whole context of its build. */
    appArchive(appId: string): Promise<Readable>;
    sendAppImage(appId: string, archive: Readable): Promise<void>;
  };
  /** For one attempt to build; what an earlier one has said is written over. */
  openLog: (appId: string) => Pick<BuildLog, 'add' | 'close'>;
}

/** A device's part in building an application, besides having the base. Each step finds what an earlier attempt has done. */
export function createApplicationActivities({ builder, engine, control, openLog }: ApplicationDeps) {
  return withFailures({
    /** Builds the image out of the archive and resolves with its digest. */
    async buildImage(appId: string): Promise<string> {
      return beating(async () => {
        const built = await builder.find(appId);
        if (built !== null) return built;
        const log = openLog(appId);
        try {
          return await builder.build(appId, await control.appArchive(appId), (line) => log.add(line));
        } finally {
          await log.close();
        }
      });
    },

    /** Gives the image to the control plane. */
    async sendImage(appId: string, digest: string): Promise<void> {
      await beating(async () => control.sendAppImage(appId, await engine.saveImage(digest)));
    },

    /** Removes what was built and is used by nothing. */
    async discardBuild(appId: string): Promise<void> {
      await beating(() => builder.discard(appId));
    },
  });
}

export type ApplicationActivities = ReturnType<typeof createApplicationActivities>;
