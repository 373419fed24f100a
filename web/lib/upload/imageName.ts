import { IMAGE_NAME, IMAGE_NAME_MAX } from '../../../core/imageName.ts';

/** What is wrong with the name of an image; undefined: nothing. */
export function imageNameError(name: string): string | undefined {
  if (name.startsWith('img_')) return 'Must not look like an id.';
  if (name.length > IMAGE_NAME_MAX) return `At most ${String(IMAGE_NAME_MAX)} characters.`;
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
