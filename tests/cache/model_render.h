// The facts of a case as heads, policy and times: in one of many ways of writing them.
// Invariant: how it is written changes nothing of what it means.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/date.h"
#include "tests/cache/heads.h"
#include "tests/cache/model_facts.h"
#include "tests/cache/model_generate.h"

namespace siding::cache_model {

/// The heads, policy and times that the facts mean.
struct Rendered {
  RequestHead request;
  ResponseHead response;
  CachePolicy policy;
  ResponseTimes times;
  WallTime now;
};

class Renderer {
 public:
  Renderer(const Case& c, Rendered& out) : random_(c.style), plainest_(c.style == 0), out_(out) {
    out_.request = cache_test::request();
    out_.response = ResponseHead();
    out_.policy = CachePolicy();
    out_.policy.enabled = true;
    out_.times = {cache_test::kNow, cache_test::kNow};
    out_.now = cache_test::kNow;
    for (const Fact& f : c.facts) happened(f);
    for (const Fact& f : c.facts) {
      if (is_directive(f.kind)) {
        directive(f);
      } else {
        field(f);
      }
    }
    for (size_t i = 0; i < lines_.size(); ++i) flush(static_cast<Place>(i));
    // Empty, it is as if it were not there; beside other lines it would be a member too many.
    if (!plainest_ && random_.percent(4) && !out_.response.fields.has("CDN-Cache-Control")) {
      out_.response.fields.add("CDN-Cache-Control", "");
    }
  }

 private:
  static void first(WallTime& at, bool& set, int64_t value) {
    if (!set) at = cache_test::kNow + Duration(value);
    set = true;
  }
  void happened(const Fact& f) {
    switch (f.kind) {
      case Kind::method:
        if (!method_) out_.request.method = kMethods[static_cast<size_t>(f.value)];
        method_ = true;
        break;
      case Kind::status:
        if (!status_) out_.response.status = static_cast<int>(f.value);
        status_ = true;
        break;
      case Kind::request_time: first(out_.times.request, request_time_, f.value); break;
      case Kind::response_time: first(out_.times.response, response_time_, f.value); break;
      case Kind::now: first(out_.now, now_, f.value); break;
      case Kind::disabled: out_.policy.enabled = false; break;
      case Kind::store_set_cookie: out_.policy.store_set_cookie = true; break;
      case Kind::heuristic: out_.policy.heuristic = true; break;
      case Kind::route_stale_while_revalidate:
        out_.policy.stale_while_revalidate = Seconds(f.value);
        break;
      case Kind::route_stale_if_error: out_.policy.stale_if_error = Seconds(f.value); break;
      case Kind::route_stale_if_unreachable:
        out_.policy.stale_if_unreachable = Seconds(f.value);
        break;
      case Kind::max_object:
        if (!max_object_) out_.policy.max_object = static_cast<uint64_t>(f.value);
        max_object_ = true;
        break;
      default: break;
    }
  }

  // --- Fields ------------------------------------------------------------------------------------

  std::string_view one_of(std::initializer_list<std::string_view> list) {
    return plainest_ ? *list.begin() : *(list.begin() + random_.below(list.size()));
  }
  void of_response(std::string_view name, std::string_view other_case, std::string_view value) {
    out_.response.fields.add(one_of({name, other_case}), value);
  }
  void field(const Fact& f) {
    Fields& q = out_.request.fields;
    Fields& r = out_.response.fields;
    switch (f.kind) {
      case Kind::pragma: {
        Fields& fields = f.place == Place::request ? q : r;
        fields.add("Pragma", f.value == 0 ? one_of({"no-cache", "x, No-Cache"}) : "x");
        break;
      }
      case Kind::expires:
        // Two that are the same are written alike.
        if (expires_fact_ == nullptr || expires_fact_->value != f.value ||
            expires_fact_->form != f.form) {
          expires_ = date(f);
        }
        if (expires_fact_ == nullptr) expires_fact_ = &f;
        of_response("Expires", "expires", expires_);
        break;
      case Kind::date: of_response("Date", "DATE", date(f)); break;
      case Kind::last_modified: of_response("Last-Modified", "last-modified", date(f)); break;
      case Kind::age:
        text_.clear();
        if (f.form == Form::bad) {
          text_ = one_of({"x", "-1", "5.5", "", "5;q=1", "+5", "\"5\"", "5 6"});
        } else {
          append_number(f.value, true);
          if (f.form == Form::list) text_ += one_of({", 9", ",x", " , 0"});
        }
        of_response("Age", "age", text_);
        break;
      case Kind::etag:
        r.add("ETag", f.form == Form::bad ? one_of({"a", "\"a", "w/\"a\""})
                                          : one_of({"\"a\"", "W/\"a\"", "\"\""}));
        break;
      case Kind::set_cookie: of_response("Set-Cookie", "set-cookie", "a=b"); break;
      case Kind::vary_star: r.add("Vary", one_of({"*", "a, *", "* , b", ",*"})); break;
      case Kind::content_length: r.add("Content-Length", std::to_string(f.value)); break;
      case Kind::content_location:
        r.add("Content-Location", f.form == Form::bad ? one_of({"/b", "http://other.example/a"})
                                                      : one_of({"/a", "http://example.org/a"}));
        break;
      case Kind::authorization: q.add("Authorization", "Basic eDp5"); break;
      case Kind::request_content:
        if (one_of({"length", "chunked"}) == "length") {
          q.add("Content-Length", "5");
        } else {
          q.add("Transfer-Encoding", "chunked");
        }
        break;
      case Kind::precondition:
        if (one_of({"tag", "date"}) == "tag") {
          q.add("If-Match", "\"a\"");
        } else {
          q.add("If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:20 GMT");
        }
        break;
      case Kind::rewritten:
        q.add(one_of({"X-HTTP-Method-Override", "X-Original-URL"}), "/b");
        break;
      case Kind::ttl: out_.policy.ttl.push_back({out_.response.status, Seconds(f.value)}); break;
      default: break;
    }
  }
  std::string_view date(const Fact& f) {
    switch (f.form) {
      case Form::bad:
        return one_of({"0", "", "-1", "yesterday", "Tue, 14 Nov 2023 22:13:20 UTC",
                       "Tue, 14 Nov 2023 22:13:20 +0000", "Tue, 32 Nov 2023 22:13:20 GMT",
                       "Tue, 14 Nov 2023 24:13:20 GMT", "Tue,  14 Nov 2023 22:13:20 GMT"});
      case Form::far_past: return "Mon, 01 Jan 1601 00:00:00 GMT";
      case Form::far_future: return "Fri, 31 Dec 9999 23:59:59 GMT";
      default: break;
    }
    text_ = imf_fixdate(cache_test::kNow + Seconds(f.value));
    if (plainest_) return text_;
    // Tue, 14 Nov 2023 22:13:20 GMT; a year of two digits means one near to the time of the response.
    std::string_view imf = text_;
    Duration off = out_.times.response - cache_test::kNow;
    const bool near = off < std::chrono::hours(8760) && off > -std::chrono::hours(8760) &&
                      f.value > -100'000'000 && f.value < 100'000'000;
    std::string other;
    switch (random_.below(4)) {
      case 0:
        if (!near) return text_;
        for (std::string_view day :
             {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}) {
          if (day.substr(0, 3) == imf.substr(0, 3)) other = day;
        }
        other.append(", ").append(imf.substr(5, 2)).append("-").append(imf.substr(8, 3));
        other.append("-").append(imf.substr(14, 2)).append(imf.substr(16));
        break;
      case 1: {
        std::string day(imf.substr(5, 2));
        if (day[0] == '0') day[0] = ' ';
        other.append(imf.substr(0, 3)).append(" ").append(imf.substr(8, 4)).append(day);
        other.append(imf.substr(16, 9)).append(imf.substr(11, 5));
        break;
      }
      case 2:
        for (char& c : text_) c = ascii_lower(c);
        return text_;
      default: return text_;
    }
    text_ = other;
    return text_;
  }

  // --- Directives --------------------------------------------------------------------------------

  static std::string_view name_of(Kind k) {
    switch (k) {
      case Kind::no_store: return "no-store";
      case Kind::no_cache:
      case Kind::no_cache_names: return "no-cache";
      case Kind::private_:
      case Kind::private_names: return "private";
      case Kind::public_: return "public";
      case Kind::must_revalidate: return "must-revalidate";
      case Kind::proxy_revalidate: return "proxy-revalidate";
      case Kind::must_understand: return "must-understand";
      case Kind::immutable: return "immutable";
      case Kind::only_if_cached: return "only-if-cached";
      case Kind::max_age: return "max-age";
      case Kind::s_maxage: return "s-maxage";
      case Kind::min_fresh: return "min-fresh";
      case Kind::max_stale: return "max-stale";
      case Kind::stale_while_revalidate: return "stale-while-revalidate";
      case Kind::stale_if_error: return "stale-if-error";
      default: return "";
    }
  }
  static bool is_structured(Place p) { return p == Place::cdn || p == Place::siding; }

  void directive(const Fact& f) {
    std::string& line = lines_[static_cast<size_t>(f.place)];
    const bool structured = is_structured(f.place);
    if (!line.empty() && !plainest_ && random_.percent(15)) flush(f.place);
    if (!line.empty()) {
      line += structured ? one_of({", ", ",", " ,\t", "  , "})
                         : one_of({", ", ",", " ,\t", ",,", ", , "});
    } else if (!structured) {
      line += one_of({"", "", "", ","});
    }
    const size_t begin = line.size();
    if (f.kind == Kind::unknown) {
      line += one_of({"foo", "x=\"no-store, max-age=9\"", "y=1", "z=\"a\\\"b, private\"",
                      "no-storex", "no-cache-x=\"\\\\\""});
    } else {
      line += name_of(f.kind);
    }
    if (f.form == Form::upper) line[begin] = static_cast<char>(line[begin] - 'a' + 'A');
    if (f.kind == Kind::unknown) return;
    if (!structured && !plainest_) {
      uint64_t bits = random_.percent(40) ? random_.next() : 0;
      for (size_t i = begin; i < line.size(); ++i, bits >>= 1) {
        if ((bits & 1) != 0 && is_alpha(line[i])) line[i] = static_cast<char>(line[i] ^ 0x20);
      }
    }
    argument(f, line);
  }
  void argument(const Fact& f, std::string& line) {
    const bool structured = is_structured(f.place);
    if (f.kind == Kind::no_cache_names || f.kind == Kind::private_names) {
      std::string_view quote = f.form == Form::word ? "" : "\"";
      line.append("=").append(quote).append(kNameLists[static_cast<size_t>(f.value)]).append(quote);
      return;
    }
    if (!is_number(f.kind)) {
      if (f.form == Form::word) line += one_of({"=x", "=1"});
      if (f.form == Form::quoted && structured) line += "=?1";
      return;
    }
    text_.clear();
    append_number(f.value, !structured);
    switch (f.form) {
      case Form::bare: break;
      case Form::empty: line += "="; break;
      case Form::word: line += one_of({"=x", "=a5"}); break;
      case Form::decimal: line += one_of({"=5.5", "=0.0"}); break;
      case Form::negative: line += one_of({"=-5", "=-1"}); break;
      case Form::spaced:
        line.append(one_of({" =", "="})).append(text_).append(one_of({" x", "\"a\""}));
        break;
      case Form::quoted: line.append("=\"").append(text_).append("\""); break;
      default:
        line.append("=").append(text_);
        if (structured) line += one_of({"", "", ";a", ";a=1;b=\"x, y\""});
        break;
    }
  }
  /// INT64_MAX stands for what no integer holds.
  void append_number(int64_t value, bool zeros) {
    if (value == INT64_MAX) {
      text_ += "99999999999999999999999";
      return;
    }
    if (zeros) text_ += one_of({"", "", "", "00"});
    std::array<char, 24> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_.append(digits.data(), end);
  }
  void flush(Place place) {
    std::string& line = lines_[static_cast<size_t>(place)];
    if (line.empty()) return;
    switch (place) {
      case Place::request:
        out_.request.fields.add(one_of({"Cache-Control", "cache-control"}), line);
        break;
      case Place::cache_control: of_response("Cache-Control", "CACHE-CONTROL", line); break;
      case Place::cdn: of_response("CDN-Cache-Control", "cdn-cache-control", line); break;
      case Place::siding: of_response("Siding-Cache-Control", "SIDING-Cache-control", line); break;
    }
    line.clear();
  }

  Random random_;
  bool plainest_;
  Rendered& out_;
  std::array<std::string, 4> lines_;
  std::string text_;
  const Fact* expires_fact_ = nullptr;
  std::string expires_;
  bool method_ = false, status_ = false, request_time_ = false, response_time_ = false,
       now_ = false, max_object_ = false;
};

}  // namespace siding::cache_model
