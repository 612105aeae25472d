// See tls_tickets.h.
#include "proxy/net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

namespace siding {

namespace {
template <size_t N>
void fill(std::array<unsigned char, N>& bytes) {
  // Without random numbers nothing here would be secret.
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(N)) != 1) std::abort();
}

bool set_mac(EVP_MAC_CTX* mac, unsigned char* key, size_t size) {
  char digest[] = "SHA256";
  OSSL_PARAM with[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, size),
                       OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                       OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, with) == 1;
}
}  // namespace

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_.data(), keys_.size() * sizeof(Key)); }

void TicketKeys::rotate() {
  Key made;
  fill(made.name);
  fill(made.cipher);
  fill(made.mac);
  std::lock_guard lock(mutex_);
  keys_.reserve(kMost + 1);  // once: no copy of a key is left behind
  keys_.insert(keys_.begin(), made);
  if (keys_.size() > kMost) {
    OPENSSL_cleanse(&keys_.back(), sizeof(Key));
    keys_.pop_back();
  }
  OPENSSL_cleanse(&made, sizeof(made));
}

bool TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac) {
  const EVP_CIPHER* how = EVP_aes_256_cbc();
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(how)) != 1) return false;
  std::lock_guard lock(mutex_);
  Key& key = keys_.front();
  std::memcpy(name, key.name.data(), key.name.size());
  return EVP_EncryptInit_ex(cipher, how, nullptr, key.cipher.data(), iv) == 1 &&
         set_mac(mac, key.mac.data(), key.mac.size());
}

TicketKeys::Opened TicketKeys::open(const unsigned char* name, const unsigned char* iv,
                                    EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  std::lock_guard lock(mutex_);
  for (Key& key : keys_) {
    if (std::memcmp(name, key.name.data(), key.name.size()) != 0) continue;
    const bool ready =
        EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
        set_mac(mac, key.mac.data(), key.mac.size());
    if (!ready) return Opened::unknown;
    return &key == &keys_.front() ? Opened::current : Opened::old;
  }
  return Opened::unknown;
}

}  // namespace siding
