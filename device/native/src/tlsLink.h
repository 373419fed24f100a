/*
 * TLS 1.3 with certificates of one authority on both sides, as the worker's own link has it (device/link). Who the other
 * side is stands in its certificate's common name.
 */
#ifndef TLS_LINK_H
#define TLS_LINK_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>

/* All PEM, in one piece: the private key, then the certificate, then the authority's. */
struct identity_sizes {
  unsigned key, certificate, authority;
};
#define IDENTITY_MAX 65536u

/* Bytes of one frame's header: u8 kind, u32 bytes that follow, u32 bytes they hold, little-endian. */
#define FRAME_HEADER 9
enum frame_kind { FRAME_PLAIN = 0, FRAME_ZSTD = 1 };
/* A frame that no sender makes. */
#define FRAME_ACCEPT_MAX (4u << 20)

#define SIGN_OF_LIFE_MS 400

/* What OpenSSL said last. */
static const char *tls_words(void) {
  static char text[256];
  unsigned long code = ERR_get_error();
  if (code == 0) return "the connection ended";
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

/* NULL when the identity is not in order, see tls_words. */
static SSL_CTX *tls_context(const unsigned char *pem, struct identity_sizes sizes) {
  SSL_CTX *context = SSL_CTX_new(TLS_method());
  BIO *key_text = BIO_new_mem_buf(pem, sizes.key);
  BIO *certificate_text = BIO_new_mem_buf(pem + sizes.key, sizes.certificate);
  BIO *authority_text = BIO_new_mem_buf(pem + sizes.key + sizes.certificate, sizes.authority);
  EVP_PKEY *key = key_text ? PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL) : NULL;
  X509 *certificate = certificate_text ? PEM_read_bio_X509(certificate_text, NULL, NULL, NULL) : NULL;
  X509 *authority = authority_text ? PEM_read_bio_X509(authority_text, NULL, NULL, NULL) : NULL;
  int good = context && key && certificate && authority && SSL_CTX_use_certificate(context, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1 &&
             X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
             SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
  BIO_free(key_text);
  BIO_free(certificate_text);
  BIO_free(authority_text);
  EVP_PKEY_free(key);
  X509_free(certificate);
  X509_free(authority);
  if (!good) {
    SSL_CTX_free(context);
    return NULL;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_num_tickets(context, 0);
  /* The shorter key first: both are beyond reach, and it is the faster one where time counts. */
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  /* Many records with one call. */
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 256 * 1024);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

/* Whether the other side, whose certificate has been verified, is the one of this name. */
static int tls_peer_is(SSL *ssl, const char *name) {
  char found[256] = "";
  X509 *certificate = SSL_get1_peer_certificate(ssl);
  if (!certificate) return 0;
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, found, sizeof found);
  X509_free(certificate);
  return SSL_get_verify_result(ssl) == X509_V_OK && strcmp(found, name) == 0;
}

#endif
