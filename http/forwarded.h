// Who the client is: X-Forwarded-For, -Proto, -Host, Forwarded (RFC 7239), X-Request-Id.
// Invariants: from a peer that is not trusted nothing of them is believed or passed on; from one that
// is, a malformed entry ends what is believed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/fields.h"

namespace siding {

/// What this hop knows first-hand.
struct ForwardedHop {
  std::string_view peer_ip;  ///< as text, without brackets; empty for a unix socket
  bool trusted = false;      ///< the peer is in trusted_proxies
  std::string_view scheme;   ///< by which the client came here
  std::string_view host;     ///< the request's authority, may be empty
};

/// Sets the four fields. From a trusted peer the lists are appended to and a -Proto or -Host that is
/// there is kept; else all X-Forwarded-* and X-Real-IP are replaced. Returns whether something was
/// replaced, so that the caller can warn once.
bool set_forwarded(Fields& fields, const ForwardedHop& hop);

/// The address that requests are counted and logged under: the first from the right that is not
/// trusted, of X-Forwarded-For or else Forwarded, in canonical text; the leftmost if all are. The
/// peer's if it is not trusted itself.
std::string client_address(const Fields& fields, std::string_view peer_ip,
                           const std::function<bool(std::string_view ip)>& trusted);

/// The origin that the client asked: a trusted proxy in front may have ended its TLS, or changed Host.
/// X-Forwarded-Proto counts if there is one. What else it passes on its client may have made up, and an
/// application may believe it or not: that stands beside the origin.
struct AskedOrigin {
  std::string_view scheme;  ///< "http" or "https"
  std::string_view host;    ///< the request's authority
  /// X-Forwarded-Host where that is another, -Port where it is not the scheme's, -Prefix, -User and whatever
  /// else begins so but -For; empty: nothing.
  std::string claims{};
};
AskedOrigin asked_origin(const Fields& fields, const ForwardedHop& hop);

/// X-Request-Id if there is exactly one that matches [A-Za-z0-9._-]{1,128}.
std::optional<std::string_view> request_id(const Fields& fields);

}  // namespace siding
