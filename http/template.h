// Templates of upstream calls, such as "/s?word={query.q|trim}&n={query.n:10}": parsed once when
// the configuration loads, filled per request. A value can never add a path segment, a parameter, a
// host or a header line: it is percent-encoded for the place where it stands, or the template
// yields nothing and the call is not made.
// Invariant: a Template that was made by parse() can be filled by any values without failing in any
// other way than "no value".
//
// A placeholder is "{" source { "|" filter } [ ":" default ] "}"; a brace of the text is written
// twice. The default counts where the request has no value at all (not for an empty one) and passes
// no filter but the encoding. Sources: query.NAME, path.NAME (a capture of the route), header.NAME,
// cookie.NAME, form.NAME, json./POINTER, client.ip, LEG./POINTER (in a fan-out: of an earlier leg's
// answer). NAME and POINTER hold none of | : { }.
//
// Filters that change the value, in the order written (ASCII only):
//   trim    without white space at both ends      lower   in lower case
//   first   the first item of a comma-separated list
//
// The last filter may name the encoding, which must be that of the worker's library, or its call
// will miss the prefetched answer:
//   (none)  unreserved characters stay, all others become %XX. Python quote(q, safe=""), PHP
//           rawurlencode and http_build_query(.., PHP_QUERY_RFC3986), Ruby ERB::Util.url_encode.
//           Also JS encodeURIComponent and Python quote(q), but these leave  ! ' ( ) *  and  /
//   form    the same, a space as "+"; query only. Python urlencode and requests' `params=`, PHP
//           urlencode and http_build_query, curl -G --data-urlencode. Also Ruby encode_www_form,
//           Java URLEncoder, JS URLSearchParams, but these leave  *
//   requote the value as it is, then the whole path or query as python-requests re-quotes it:
//           requests.get(BASE + "/s?word=" + q). A value with "&", "#" or ";" (in a path: "/", "?",
//           "#" or ";") yields nothing: in such a call it would inject into the view's own URL.
//
// In a path every value is one segment or a part of one: "/" is encoded, and a value that is empty,
// has control characters (escaped ones too) or makes a dot segment for any reader yields nothing.
// In a header it stands as it is, and control characters yield nothing. In a value of a body
// (body_template.h) it stands as it is too: the body encodes the whole. There `number`, alone in its
// text, lets a value stand that is written like a number in JSON, true or false, and no other. What is
// not UTF-8 yields nothing anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siding {

/// Where the values come from. Each returns the decoded value, or nullopt where the request has
/// none. Whether it can be used where it is to stand (UTF-8 too) is the template's business.
class TemplateValues {
 public:
  virtual ~TemplateValues() = default;
  virtual std::optional<std::string> query(std::string_view name) const = 0;  ///< last one wins
  virtual std::optional<std::string> path(std::string_view name) const = 0;   ///< route capture
  virtual std::optional<std::string> header(std::string_view name) const = 0;
  virtual std::optional<std::string> cookie(std::string_view name) const = 0;
  /// Of the body; the pointer is that of RFC 6901.
  virtual std::optional<std::string> form(std::string_view name) const = 0;
  virtual std::optional<std::string> json(std::string_view pointer) const = 0;
  virtual std::optional<std::string> client_ip() const = 0;
  /// Of the answer to an earlier call of the same fan-out.
  virtual std::optional<std::string> leg(std::string_view name, std::string_view pointer) const = 0;
};

/// The place that a template's result will have, which decides how values are encoded. A target is
/// path and query: scheme and host never come from a request. Whoever fills a body's value encodes it.
enum class TemplatePlace { target, header_value, body_value };

/// A fault in a template's text: where (byte offset) and what to do about it.
struct TemplateError {
  size_t offset = 0;
  std::string message;
};

class Template {
 public:
  enum class Source { query, path, header, cookie, form, json, client_ip, leg };
  enum class Filter { trim, lower, first, form, requote, number };
  enum class Slot { path, query, header, body };  ///< where one value stands

  /// Parses `text`. Exactly one of the result's members is set.
  struct Parsed;
  static Parsed parse(std::string_view text, TemplatePlace place);

  /// The filled text, or nullopt where a value is absent or must not stand in its place.
  std::optional<std::string> fill(const TemplateValues& values) const;
  /// The value for which fill() returns nullopt, as written ("query.q"), for `explain`; else empty.
  std::string missing(const TemplateValues& values) const;

  const std::string& text() const { return text_; }
  bool uses(Source source) const;
  /// The names after a source, as written: {"q"} for "{query.q}"; of a leg its own: {"song"}.
  std::vector<std::string> names(Source source) const;
  /// Whether it has no placeholder at all.
  bool constant() const;
  /// Whether it is one value that is a number or a boolean.
  bool is_number() const;

 private:
  class Parser;
  struct Part {
    std::string literal;  // before the value
    bool has_value = false;
    Source source = Source::query;
    std::string name;  // after the dot
    std::optional<std::string> default_value;
    std::vector<Filter> filters;
    Slot slot = Slot::header;

    bool has(Filter filter) const;
  };
  static std::optional<std::string> value_of(const Part& part, const TemplateValues& values);
  static bool append_value(const Part& part, std::string_view value, std::string& out);
  static bool is_fit_path(std::string_view path);
  std::optional<std::string> render(const TemplateValues& values, const Part*& culprit) const;
  std::string finish_target(std::string filled) const;

  std::string text_;
  TemplatePlace place_ = TemplatePlace::target;
  std::vector<Part> parts_;
};

/// "query", ..., "client": the word before the dot.
std::string_view to_string(Template::Source source);
/// "trim", ...
std::string_view to_string(Template::Filter filter);

struct Template::Parsed {
  std::optional<Template> value;
  std::optional<TemplateError> error;
};

}  // namespace siding
