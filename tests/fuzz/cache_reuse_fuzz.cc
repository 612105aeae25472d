// What RFC 9111 says of a request and an answer: may it be stored, for how long is it fresh, may it be
// sent now.
// Properties: nothing is stored or sent that a directive forbids, whoever else allows it; an answer that
// is fresh at some time was so at every time before; ages and lifetimes saturate. What is stored has no
// hop-by-hop fields, and a stored answer that is updated by a 304 keeps what describes its bytes.
// Input: bytes for status, method, the route's policy and the times, then the request's fields, an empty
// line, the answer's fields.
// libFuzzer: -max_len=512 -dict=tests/fuzz/cache.dict
#include "cache/invalidate.h"
#include "cache/range.h"
#include "cache/reuse.h"
#include "cache/storable.h"
#include "cache/validate.h"
#include "cache/vary.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

constexpr WallTime kNow{Seconds(1'700'000'000)};
constexpr int kStatuses[] = {200, 203, 204, 206, 301, 302, 304, 404, 410, 500, 503, 299, 100, 416};
constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "QUERY", "PUT"};
constexpr int64_t kSeconds[] = {0, 1, 5, 59, 60, 61, 3600, 86'400, int64_t{1} << 31, -1, -3600};

CachePolicy policy_of(Input& in) {
  CachePolicy policy;
  policy.enabled = in.below(8) != 7;
  policy.store_set_cookie = in.flag();
  policy.heuristic = in.flag();
  if (in.flag()) policy.ttl = {{200, Seconds(60)}, {404, Seconds(1)}};
  policy.stale_while_revalidate = Seconds(kSeconds[in.below(8)]);
  policy.stale_if_error = Seconds(kSeconds[in.below(8)]);
  policy.max_object = in.flag() ? 100 : 8 << 20;
  return policy;
}

void check_stored(const RequestHead& request, const ResponseHead& response,
                  const CachePolicy& policy, ResponseTimes times) {
  const ResponseDirectives says = response_directives(response.fields);
  const StoreDecision decision = may_store(request, response, policy, times);
  assert(!to_string(decision.reason).empty());
  const Fields kept = fields_to_store(response.fields, times.response);
  for (std::string_view name :
       {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-authenticate", "te"}) {
    assert(!kept.has(name));
  }
  for (std::string_view name : says.private_fields) assert(!kept.has(name));
  if (!decision.store()) return;
  assert(policy.enabled && !says.is_private && !read_vary(response.fields).star);
  assert(!says.no_store || says.must_understand);
  assert(policy.store_set_cookie || !kept.has("set-cookie"));
  assert(!request.fields.has("authorization") || says.for_all);
  assert(!answers_one_request_only(response.status) && response.status >= 200);
  assert(!request_directives(request.fields).no_store);
}

void check_reuse(const RequestHead& request, const Freshness& f, const CachePolicy& policy,
                 WallTime now, WallTime later) {
  const ReuseDecision d = may_reuse(request, f, policy, now);
  assert(!to_string(d.kind).empty());
  const RequestDirectives wants = request_directives(request.fields);
  if (d.send_now()) {
    assert(policy.enabled && d.age && d.time_left && !f.always_validate);
    assert(!wants.no_cache && !wants.no_store);
    assert(d.kind == Reuse::fresh || !f.never_stale);
    assert((d.kind == Reuse::fresh) == (*d.time_left > Duration::zero()));
    assert(now >= f.response_time && *d.age >= Duration::zero());
  }
  if (f.always_validate || f.never_stale) {
    assert(!d.stale_if_error || (d.time_left && *d.time_left > Duration::zero()));
  }
  assert(!d.stale_if_error || d.stale_if_unreachable);
  const ReuseDecision then = may_reuse(request, f, policy, later);
  const bool known = now >= f.response_time;
  if (known && later >= now && then.kind == Reuse::fresh) assert(d.kind == Reuse::fresh);
}

void check_validated(const RequestHead& request, const ResponseHead& response,
                     const CachePolicy& policy) {
  Fields conditional = request.fields;
  const bool made = make_conditional(conditional, response);
  assert(made == has_validator(response));
  assert(!made || conditional.has("if-none-match") || conditional.has("if-modified-since"));
  is_not_modified(request, response, kNow);
  speaks_of(response, response.fields);
  Fields stored = response.fields;
  Fields newer = request.fields;
  update_stored(stored, newer, policy, kNow);
  for (std::string_view name : {"content-length", "content-encoding", "content-type"}) {
    assert(stored.joined(name) == response.fields.joined(name));
  }
  for (const std::string& target : invalidated_targets(request, response)) {
    assert(target.starts_with('/'));
  }
}

void run(Input in) {
  RequestHead request;
  ResponseHead response;
  response.status = kStatuses[in.below(std::size(kStatuses))];
  request.method = kMethods[in.below(std::size(kMethods))];
  request.target = "/a?b=c";
  request.authority = "example.org";
  const CachePolicy policy = policy_of(in);
  const auto seconds = [&in] { return Seconds(kSeconds[in.below(std::size(kSeconds))]); };
  const ResponseTimes times{kNow - seconds(), kNow};
  const WallTime now = kNow + seconds();
  const WallTime later = now + seconds();
  request.fields = read_fields(in);
  response.fields = read_fields(in);

  check_stored(request, response, policy, times);
  const Freshness f = freshness_of(response, policy, times);
  assert(f.lifetime.length <= kForever && f.lifetime.length >= -kForever);
  check_reuse(request, f, policy, now, later);
  check_validated(request, response, policy);
  range_of(request, response, 1000);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
