/** As in `registry/path:tag`, without a digest. */
export const IMAGE_NAME = /^[a-z0-9]+(?:[._/-][a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,63})?$/;
export const IMAGE_NAME_MAX = 128;
