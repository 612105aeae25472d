// The URL of `siding try`: its parts, and where it leads.
// Invariant: a TryUrl that parse_try_url() made can be put into a request line for any number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "proxy/net/address.h"

namespace siding {

struct TryUrl {
  std::string host;  ///< name or IP literal, without brackets
  uint16_t port = 80;
  std::string authority;  ///< as written, for the Host field
  std::string target;     ///< path and query; "{n}" stands for the request's number

  bool numbered() const { return target.find("{n}") != std::string::npos; }
};

/// Fills `out`; else says what is wrong with the text and what to write.
std::string parse_try_url(std::string_view text, TryUrl& out);

/// `text` with the request's number in place of each "{n}".
std::string with_number(std::string_view text, size_t number);

/// The addresses of a host, in the order in which to try them, by siding's own resolver. Fills `out`;
/// else says why there is none.
std::string look_up(const TryUrl& url, const Clock& clock, std::vector<SocketAddress>& out);

}  // namespace siding
