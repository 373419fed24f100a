import { Readable } from 'node:stream';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { isStorable } from '../../core/storableText.ts';

/** Refuses requests with text that no column takes, before anything is done with it; `core/storableText.ts` tells which. */
export const storableTextPlugin = plugin(async (app) => {
  app.addHook('onRequest', (request, _reply, done) => {
    // Who asks and which tenant is meant is looked up before the parameters are checked. Halves of pairs cannot be in a URL.
    if (request.url.includes('%00')) throw refused('URL');
    done();
  });
  app.addHook('preValidation', (request, _reply, done) => {
    if (!(request.body instanceof Readable) && !isStorable(request.body)) throw refused('body');
    done();
  });
  return Promise.resolve();
});

const refused = (part: string) =>
  new DrayageError({
    code: 'unreadableText',
    message: `The request's ${part} has a NUL character or half of a surrogate pair in it.`,
    mend: 'Send text of whole Unicode characters without NUL.',
  });
