// Pieces of request targets: percent encoding, the path that routes are matched on, parameters, and
// "host:port" (RFC 3986; forms as WHATWG URL section 5).
// Invariant: nothing here trusts its input, and nothing guesses: what two readers could take
// differently is reported, not repaired.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace siding {

/// A set of bytes, made at compile time.
class CharSet {
 public:
  constexpr explicit CharSet(std::string_view chars) {
    for (char c : chars) bits_[index(c)] = true;
  }
  constexpr CharSet with(std::string_view chars) const {
    CharSet more = *this;
    for (char c : chars) more.bits_[index(c)] = true;
    return more;
  }
  constexpr bool has(char c) const { return bits_[index(c)]; }

 private:
  static constexpr size_t index(char c) { return static_cast<unsigned char>(c); }
  std::array<bool, 256> bits_{};
};

/// RFC 3986 2.3: may stand anywhere in a URI and means the same when escaped.
inline constexpr CharSet kUnreserved(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
/// RFC 3986 3.3: may stand in a path segment as it is.
inline constexpr CharSet kSegmentChars = kUnreserved.with("!$&'()*+,;=:@");

/// Appends `text`; bytes that are not in `keep` become %XX (upper case).
void percent_encode(std::string_view text, const CharSet& keep, std::string& out);
/// Whether `%` and two hexadecimal digits stand at `at`.
bool is_escape(std::string_view text, size_t at);
/// The byte of the escape at `at`, which is_escape() confirmed.
char escaped_byte(std::string_view text, size_t at);
/// With every escape decoded; a `%` without two digits stays as it is, as applications take it.
std::string percent_decode(std::string_view text);
/// The same, with `+` as a space first: one name or value of a query or a form.
std::string form_decode(std::string_view text);
/// One name or value of a query or a form, as most libraries write it: unreserved characters stay, a
/// space is "+".
std::string form_encode(std::string_view text);

/// A path as routes are matched on it.
///
/// How the router uses it: `bad` is answered 400. Else it matches `decoded`. If `ambiguous`, it
/// matches the raw path too, and where that gives another route (or none) it answers 400: a backend
/// that reads the path the other way would see a request that its route was never meant for. The
/// raw target is what is forwarded.
struct NormalPath {
  /// Escapes decoded, then dot segments removed (RFC 3986 5.2.4), so that "%2e%2e" is one and %2F
  /// separates. Empty segments are kept: "//a" is not "/a". "*" (OPTIONS) stays as it is.
  std::string decoded;
  /// The path has dot segments, or escapes of "/" or of a character that needs no escape: readers
  /// differ about these. Other escapes (a space, UTF-8) can be written in one way only.
  bool ambiguous = false;
  /// NUL, a `%` that begins no escape, or what only some servers take for dot segments ("/..;/",
  /// "/..\").
  bool bad = false;
};
NormalPath normalise_path(std::string_view raw_path);
/// RFC 3986 5.2.4 for a path that begins with "/"; sets `found` if there was any dot segment.
std::string remove_dot_segments(std::string_view path, bool& found);
/// Whether any server finds a dot segment in it: some take `\` for `/`, some cut a segment at `;`.
bool has_dot_segment(std::string_view decoded_path);

/// Calls `f(name, value)` for each parameter of a query or form body, as it stands there: use
/// form_decode() on both. Split at `&` alone; empty ones are skipped, one without `=` has an empty
/// value.
template <class F>
void for_each_parameter(std::string_view query, F f) {
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view one = query.substr(0, end);
    size_t equals = one.find('=');
    if (!one.empty()) {
      f(one.substr(0, equals),
        equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1));
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
}
/// The decoded value of the last parameter whose decoded name is `name`, as Django, PHP and Rails
/// take it.
std::optional<std::string> last_parameter(std::string_view query, std::string_view name);

struct HostPort {
  enum class Kind : uint8_t { name, ipv4, ipv6 };
  std::string host;  ///< lower case, without brackets, without the one trailing dot of a name
  std::optional<uint16_t> port;
  Kind kind = Kind::name;
};
/// "host", "host:port", "1.2.3.4:80", "[::1]:80". nullopt for anything else: no user, no zone, no
/// empty port or port 0, no IPv4 in any spelling but four plain decimals ("0x7f.1", "2130706433",
/// "127.1" and "0177.1" are neither addresses nor names), names of ASCII letters, digits, "-" and
/// "_" only.
std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace siding
