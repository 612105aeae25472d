// See storable.h.
#include "cache/storable.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cache/reference.h"
#include "cache/reuse.h"
#include "cache/validate.h"
#include "cache/vary.h"
#include "http/client_certificate.h"
#include "http/date.h"
#include "http/hop.h"

namespace siding {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(StoreReason::count_)> kStoreReasons{
    "stored",           "disabled",  "method",          "request_content", "status",
    "request_no_store", "no_store",  "must_understand", "private",         "authorization",
    "set_cookie",       "vary_star", "not_cacheable",   "useless",         "too_large"};
static_assert(!kStoreReasons.back().empty());

/// A POST's answer is what a GET would get if it says so by Content-Location and has a lifetime of its
/// own (RFC 9110 9.3.3).
bool storable_method(const RequestHead& request, const ResponseHead& response,
                     const Lifetime& lifetime) {
  if (request.method == "GET" || request.method == "QUERY") return true;
  if (request.method != "POST" || response.status != 200 || !lifetime.is_explicit()) return false;
  if (response.fields.count("content-location") != 1) return false;
  std::string_view location = *response.fields.get("content-location");
  return resolve_same_origin(request, location) == request.target;
}

bool left_out(const Field& f, const ResponseDirectives& directives) {
  return names_field(directives.private_fields, f.name) ||
         names_field(directives.no_cache_fields, f.name);
}

bool keeps_cookie(const Fields& fields, const ResponseDirectives& directives) {
  for (const Field& f : fields) {
    if (equals_ignore_case(f.name, "set-cookie") && !left_out(f, directives)) return true;
  }
  return false;
}

/// Whether the request had credentials, and the answer may depend on them: of a client's certificate
/// one that says so by Vary is not meant (RFC 9440 2.4).
bool answers_credentials(const Fields& request, const Vary& vary) {
  if (request.has("authorization")) return true;
  auto names = [&vary](std::string_view name) {
    return std::find(vary.names.begin(), vary.names.end(), name) != vary.names.end();
  };
  return has_client_certificate(request) && !names("client-cert") && !names("x-client-subject");
}

/// Whether it would be sent at any time without asking the origin. For a failure of the origin alone
/// it is not worth the memory.
bool ever_sent(const Lifetime& lifetime, const ResponseDirectives& directives,
               const CachePolicy& policy) {
  if (directives.no_cache) return false;
  if (lifetime.length > Seconds(0)) return true;
  if (directives.must_revalidate || directives.proxy_revalidate) return false;
  if (directives.s_maxage && !directives.stale_while_revalidate) return false;
  return directives.stale_while_revalidate.value_or(policy.stale_while_revalidate) > Seconds(0);
}

}  // namespace

std::string_view to_string(StoreReason r) { return kStoreReasons[static_cast<size_t>(r)]; }

StoreDecision may_store(const RequestHead& request, const ResponseHead& response,
                        const CachePolicy& policy, ResponseTimes times) {
  if (!policy.enabled) return {StoreReason::disabled};
  const Fields& fields = response.fields;
  ResponseDirectives directives = response_directives(fields);
  Lifetime lifetime = lifetime_of(response, directives, policy, times.response);

  if (!storable_method(request, response, lifetime)) return {StoreReason::method};
  if (request.method == "GET" && has_content(request)) return {StoreReason::request_content};
  if (response.interim() || answers_one_request_only(response.status)) {
    return {StoreReason::status};
  }
  if (request_directives(request.fields).no_store) return {StoreReason::request_no_store};
  if (directives.must_understand && !understood_status(response.status)) {
    return {StoreReason::must_understand};
  }
  if (directives.no_store && !directives.must_understand) return {StoreReason::no_store};
  if (directives.is_private) return {StoreReason::private_};
  const Vary vary = read_vary(fields);
  if (!directives.for_all && answers_credentials(request.fields, vary)) {
    return {StoreReason::authorization};
  }
  if (!policy.store_set_cookie && keeps_cookie(fields, directives)) {
    return {StoreReason::set_cookie};
  }
  if (vary.star) return {StoreReason::vary_star};

  bool cacheable = lifetime.source != LifetimeSource::none || directives.is_public ||
                   heuristically_cacheable(response.status);
  if (!cacheable) return {StoreReason::not_cacheable};
  if (!has_validator(response) && !ever_sent(lifetime, directives, policy)) {
    return {StoreReason::useless};
  }

  std::optional<std::string_view> length = fields.get("content-length");
  std::optional<uint64_t> bytes = length ? parse_u64(*length) : std::nullopt;
  if (bytes && *bytes > policy.max_object) return {StoreReason::too_large};
  return {};
}

Fields fields_to_store(const Fields& response, WallTime response_time) {
  ResponseDirectives directives = response_directives(response);
  Fields stored = response;
  strip_response_fields(stored,
                        false);  // first: Connection, which may be named below, names fields
  stored.remove_if([&](const Field& f) {
    return left_out(f, directives) || equals_ignore_case(f.name, "proxy-authentication-info");
  });
  if (!date_field(stored, "date", response_time)) stored.set("Date", imf_fixdate(response_time));
  return stored;
}

}  // namespace siding
