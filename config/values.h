// How the values of a configuration are written as text: addresses, networks, urls, names. (Durations
// and sizes are in load.h.)
// Invariant: what print_* makes, parse_* reads back to the same value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/load.h"

namespace siding {

/// Exactly one of the two: the value, or why the text is none and how to write it.
template <class T>
struct Parsed {
  std::optional<T> value;
  std::string error;
};

Parsed<ListenAddress> parse_listen_address(std::string_view text);

Parsed<Cidr> parse_network(std::string_view text);
std::string print_network(const Cidr& network);

/// "http://host:port" or "unix:/path".
Parsed<OriginUrl> parse_backend_url(std::string_view text);
/// "http://host:port/base/path", or https.
Parsed<OriginUrl> parse_upstream_url(std::string_view text);
/// "redis://host:6379/0", "rediss://host", "unix:/path"; "none".
Parsed<OriginUrl> parse_redis_url(std::string_view text);
/// Visible ASCII without spaces; may be empty.
Parsed<std::string> parse_word(std::string_view text);

/// A resolver: an IP address with or without a port; gives it with one.
Parsed<std::string> parse_resolver(std::string_view text);
Parsed<std::string> parse_domain(std::string_view text);
/// "shop.example", "*.example", "[::1]", or "*" for every host. The value is as HostPort::host: without
/// brackets, and empty for every host.
Parsed<std::string> parse_host_pattern(std::string_view text);
std::string print_host_pattern(const std::string& host);
/// "100/s", "600/m" or "5000/h"; "none".
Parsed<RateConfig> parse_rate(std::string_view text);
std::string print_rate(const RateConfig& rate);
/// "off", "p95", or a duration.
Parsed<HedgeConfig> parse_hedge(std::string_view text);
std::string print_hedge(const HedgeConfig& hedge);
/// A JSON pointer (RFC 6901).
Parsed<std::string> parse_pointer(std::string_view text);
/// A name or an IP literal, as it stands in a certificate.
Parsed<std::string> parse_server_name(std::string_view text);
Parsed<std::string> parse_method(std::string_view text);
/// Of an Upgrade field; lower case.
Parsed<std::string> parse_protocol(std::string_view text);
/// "cookie.NAME", "header.NAME" or "query.NAME".
Parsed<std::string> parse_condition(std::string_view text);
Parsed<std::string> parse_parameter(std::string_view text);  ///< its name, decoded
Parsed<std::string> parse_target(std::string_view text);     ///< path and query, as they are sent
Parsed<std::string> parse_absolute_path(std::string_view text);
/// "" if it can be the name of a header field, else why not.
std::string header_name_fault(std::string_view name);
/// The same for names of fields that siding may add to a call.
std::string added_header_fault(std::string_view name);
/// "" if it can be the value of a header field, else why not.
std::string header_value_fault(std::string_view value);
/// The same for the names of backends, upstreams and calls.
std::string name_fault(std::string_view name);

/// A TOML string; "$" is doubled, because "${" would be expanded.
std::string toml_string(std::string_view text);
/// A key of a TOML table, in quotes if it needs them. Keys are not expanded.
std::string toml_key(std::string_view key);

/// Printed in the place of what nobody should see.
inline constexpr std::string_view kHidden = "(secret)";

}  // namespace siding
