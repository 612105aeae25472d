// The keys of session tickets: with them a client goes on where an earlier connection ended, without a
// full handshake, whichever thread or certificate serves it (RFC 5077; OpenSSL's own keys belong to one
// context, and would be gone when certificates are read again).
// Invariants: a key encrypts until the next rotate(), and decrypts for two more; it never leaves this
// object's memory, and is wiped there. All calls may come from any thread.
#pragma once

#include <array>
#include <mutex>
#include <vector>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace siding {

class TicketKeys {
 public:
  TicketKeys() { rotate(); }
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  void rotate();

  static constexpr size_t kNameBytes = 16;
  /// For a new ticket: tells the key's name and a fresh `iv`, and prepares both contexts.
  bool seal(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);
  enum class Opened { unknown, current, old };
  /// For a ticket that came: `unknown` where its key is not held any more.
  Opened open(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher,
              evp_mac_ctx_st* mac);

 private:
  struct Key {
    std::array<unsigned char, kNameBytes> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  static constexpr size_t kMost = 3;
  std::mutex mutex_;
  std::vector<Key> keys_;  // guarded by mutex_; the newest first
};

}  // namespace siding
