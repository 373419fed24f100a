/** As the API has it: `registry/path:tag`, without a digest. */
const IMAGE_NAME = /^[a-z0-9]+(?:[._/-][a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,63})?$/;
const MOST = 128;

/** What is wrong with the name of an image; undefined: nothing. */
export function imageNameError(name: string): string | undefined {
  if (name.startsWith('img_')) return 'Must not look like an id.';
  if (name.length > MOST) return `At most ${String(MOST)} characters.`;
  return IMAGE_NAME.test(name) ? undefined : 'Like sample or shop/web:1.2, in lower-case letters.';
}

/** A name for the image of an archive: `My Shop_1.tar.gz` becomes `my-shop-1`. */
export function imageNameOf(file: string): string {
  return file
    .replace(/\.(tar|tar\.gz|tgz|gz)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
