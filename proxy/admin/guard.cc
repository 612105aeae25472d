// See guard.h.
#include "proxy/admin/guard.h"

#include "base/text.h"
#include "proxy/admin/reply.h"

namespace siding {

bool is_loopback_authority(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return false;
  } else {
    size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !parse_u64(port.substr(1)).has_value())) {
    return false;
  }
  if (equals_ignore_case(host, "localhost")) return true;
  std::optional<SocketAddress> address = SocketAddress::parse(host, 0);
  return address.has_value() && is_loopback(*address);
}

bool refuse_host(Stream& stream) {
  if (stream.peer().is_unix() || is_loopback_authority(stream.head.authority)) return false;
  send_reply(stream, 403, "the Host of this door is localhost or a loopback address\n");
  return true;
}

bool refuse_other_sites(Stream& stream) {
  const Fields& fields = stream.head.fields;
  const std::string site = fields.joined("Sec-Fetch-Site");
  const std::string origin = fields.joined("Origin");
  const bool own_site = site.empty() || site == "same-origin" || site == "none";
  const bool own_origin =
      !fields.has("Origin") ||
      equals_ignore_case(origin, "http://" + std::string(stream.head.authority));
  if (own_site && own_origin) return false;
  send_reply(stream, 403, "a page of another site made a browser send this, and may not\n");
  return true;
}

}  // namespace siding
