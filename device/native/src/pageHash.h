/*
 * A 128-bit hash of a page of 4096 bytes, under a random secret key.
 *
 * Two NH hashes of 64-bit words (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, CRYPTO '99, section 4) with keys shifted
 * against each other (Toeplitz), each folded by a multilinear hash over 128 bits (Dietzfelbinger; Lemire and Kaser,
 * "Strongly universal string hashing is fast"). Two different pages collide with a probability of about 2^-126, whatever
 * they hold, for nobody knows the key. Multiplications only: the same on every processor, no special instructions.
 */
#ifndef PAGE_HASH_H
#define PAGE_HASH_H

#include <stdint.h>
#include <string.h>

#define PAGE 4096
#define WORDS (PAGE / 8)

struct page_hash {
  uint64_t high, low;
};

struct hash_key {
  uint64_t nh[WORDS + 2];
  unsigned __int128 fold[6];
};

static struct page_hash hash_page(const struct hash_key *key, const unsigned char *page) {
  unsigned __int128 a = 0, b = 0;
  const uint64_t *k = key->nh;
  for (int i = 0; i < WORDS; i += 4) {
    uint64_t w[4];
    memcpy(w, page + i * 8, 32);
    a += (unsigned __int128)(w[0] + k[i]) * (w[1] + k[i + 1]);
    b += (unsigned __int128)(w[0] + k[i + 2]) * (w[1] + k[i + 3]);
    a += (unsigned __int128)(w[2] + k[i + 2]) * (w[3] + k[i + 3]);
    b += (unsigned __int128)(w[2] + k[i + 4]) * (w[3] + k[i + 5]);
  }
  const unsigned __int128 *f = key->fold;
  return (struct page_hash){
      (uint64_t)((f[0] + f[1] * (uint64_t)(a >> 64) + f[2] * (uint64_t)a) >> 64),
      (uint64_t)((f[3] + f[4] * (uint64_t)(b >> 64) + f[5] * (uint64_t)b) >> 64),
  };
}

static int same_hash(struct page_hash a, struct page_hash b) { return a.high == b.high && a.low == b.low; }

#endif
