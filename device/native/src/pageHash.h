/*
 * A 128-bit hash of a page of 4096 bytes, under a random secret key that nobody else ever sees, nor any hash: what a program
 * writes cannot be chosen so that two pages pass for one another. It stays in this process, so each machine has the one that
 * is cheap for it:
 *
 * - With AES instructions: AEGIS-128L as a MAC (Wu and Preneel, AEGIS: A Fast Authenticated Encryption Algorithm, SAC 2013;
 *   Denis, Lucas: draft-irtf-cfrg-aegis-aead, `AEGISMAC`). About 0.2 us a page.
 * - Else two NH hashes of 64-bit words (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, CRYPTO '99, section 4) with keys
 *   shifted against each other (Toeplitz), each folded by a multilinear hash over 128 bits (Dietzfelbinger; Lemire and Kaser,
 *   "Strongly universal string hashing is fast"). Two different pages collide with a probability of about 2^-126.
 *   Multiplications only: the same on every processor.
 */
#ifndef PAGE_HASH_H
#define PAGE_HASH_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PAGE 4096
#define WORDS (PAGE / 8)

struct page_hash {
  uint64_t high, low;
};

struct hash_key {
  uint64_t nh[WORDS + 2];
  unsigned __int128 fold[6];
};

static struct page_hash hash_page_nh(const struct hash_key *key, const unsigned char *page) {
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

#if defined(__x86_64__)
#define WITH_AES __attribute__((target("aes,sse4.1")))

struct aegis {
  __m128i s[8];
};

WITH_AES static inline __attribute__((always_inline)) void aegis_update(struct aegis *state, __m128i a, __m128i b) {
  __m128i *s = state->s, last = s[7];
  s[7] = _mm_aesenc_si128(s[6], s[7]);
  s[6] = _mm_aesenc_si128(s[5], s[6]);
  s[5] = _mm_aesenc_si128(s[4], s[5]);
  s[4] = _mm_aesenc_si128(s[3], _mm_xor_si128(s[4], b));
  s[3] = _mm_aesenc_si128(s[2], s[3]);
  s[2] = _mm_aesenc_si128(s[1], s[2]);
  s[1] = _mm_aesenc_si128(s[0], s[1]);
  s[0] = _mm_aesenc_si128(last, _mm_xor_si128(s[0], a));
}

/* The state after the key, of which 16 bytes are used, and a nonce of zeros. */
WITH_AES static struct aegis aegis_start(const unsigned char *key_bytes) {
  __m128i key = _mm_loadu_si128((const __m128i *)key_bytes), nonce = _mm_setzero_si128();
  __m128i c0 = _mm_setr_epi8(0x00, 0x01, 0x01, 0x02, 0x03, 0x05, 0x08, 0x0d, 0x15, 0x22, 0x37, 0x59, 0x90, 0xe9, 0x79, 0x62);
  __m128i c1 = _mm_setr_epi8(0xdb, 0x3d, 0x18, 0x55, 0x6d, 0xc2, 0x2f, 0xf1, 0x20, 0x11, 0x31, 0x42, 0x73, 0xb5, 0x28, 0xdd);
  __m128i both = _mm_xor_si128(key, nonce), k0 = _mm_xor_si128(key, c0), k1 = _mm_xor_si128(key, c1);
  struct aegis state = {{both, c1, c0, c1, both, k0, k1, k0}};
  for (int i = 0; i < 10; i++) aegis_update(&state, nonce, key);
  return state;
}

WITH_AES static struct page_hash hash_page_aes(struct aegis state, const unsigned char *page) {
  const __m128i *blocks = (const __m128i *)page;
  for (int i = 0; i < PAGE / 16; i += 2) aegis_update(&state, _mm_loadu_si128(blocks + i), _mm_loadu_si128(blocks + i + 1));
  __m128i end = _mm_xor_si128(state.s[2], _mm_set_epi64x(128, PAGE * 8));
  for (int i = 0; i < 7; i++) aegis_update(&state, end, end);
  __m128i tag = state.s[0];
  for (int i = 1; i < 7; i++) tag = _mm_xor_si128(tag, state.s[i]);
  return (struct page_hash){_mm_extract_epi64(tag, 1), _mm_extract_epi64(tag, 0)};
}

/* Two pages side by side: one AES instruction waits for the one before, so that both take little longer than one. */
#define WITH_VAES __attribute__((target("vaes,avx2,aes,sse4.1")))

WITH_VAES static inline __attribute__((always_inline)) __m256i two_blocks(const unsigned char *page, int block) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)page + block)),
                                 _mm_loadu_si128((const __m128i *)(page + PAGE) + block), 1);
}

WITH_VAES static inline __attribute__((always_inline)) void aegis_update_two(__m256i *s, __m256i a, __m256i b) {
  __m256i last = s[7];
  s[7] = _mm256_aesenc_epi128(s[6], s[7]);
  s[6] = _mm256_aesenc_epi128(s[5], s[6]);
  s[5] = _mm256_aesenc_epi128(s[4], s[5]);
  s[4] = _mm256_aesenc_epi128(s[3], _mm256_xor_si256(s[4], b));
  s[3] = _mm256_aesenc_epi128(s[2], s[3]);
  s[2] = _mm256_aesenc_epi128(s[1], s[2]);
  s[1] = _mm256_aesenc_epi128(s[0], s[1]);
  s[0] = _mm256_aesenc_epi128(last, _mm256_xor_si256(s[0], a));
}

/* The same as hash_page_aes of each. */
WITH_VAES static void hash_two_pages(const struct aegis *start, const unsigned char *pages, struct page_hash *hashes) {
  __m256i s[8];
  for (int i = 0; i < 8; i++) s[i] = _mm256_broadcastsi128_si256(start->s[i]);
  for (int i = 0; i < PAGE / 16; i += 2) aegis_update_two(s, two_blocks(pages, i), two_blocks(pages, i + 1));
  __m256i end = _mm256_xor_si256(s[2], _mm256_broadcastsi128_si256(_mm_set_epi64x(128, PAGE * 8)));
  for (int i = 0; i < 7; i++) aegis_update_two(s, end, end);
  __m256i tag = s[0];
  for (int i = 1; i < 7; i++) tag = _mm256_xor_si256(tag, s[i]);
  hashes[0] = (struct page_hash){_mm256_extract_epi64(tag, 1), _mm256_extract_epi64(tag, 0)};
  hashes[1] = (struct page_hash){_mm256_extract_epi64(tag, 3), _mm256_extract_epi64(tag, 2)};
}

enum hash_way { HASH_UNKNOWN, HASH_NH, HASH_AES, HASH_VAES };

static enum hash_way hash_way(void) {
  static enum hash_way way = HASH_UNKNOWN;
  if (way == HASH_UNKNOWN) {
    int aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1");
    way = !aes ? HASH_NH : __builtin_cpu_supports("vaes") && __builtin_cpu_supports("avx2") ? HASH_VAES : HASH_AES;
  }
  return way;
}
#endif

/* Hashes pages that lie one behind the other. */
static void hash_pages(const struct hash_key *key, const unsigned char *pages, uint32_t count, struct page_hash *hashes) {
  uint32_t done = 0;
#if defined(__x86_64__)
  enum hash_way way = hash_way();
  if (way != HASH_NH) {
    struct aegis start = aegis_start((const unsigned char *)key);
    for (; way == HASH_VAES && done + 1 < count; done += 2) hash_two_pages(&start, pages + done * PAGE, hashes + done);
    for (; done < count; done++) hashes[done] = hash_page_aes(start, pages + done * PAGE);
  }
#endif
  for (; done < count; done++) hashes[done] = hash_page_nh(key, pages + done * PAGE);
}

static struct page_hash hash_page(const struct hash_key *key, const unsigned char *page) {
  struct page_hash hash;
  hash_pages(key, page, 1, &hash);
  return hash;
}

static int same_hash(struct page_hash a, struct page_hash b) { return a.high == b.high && a.low == b.low; }

#endif
