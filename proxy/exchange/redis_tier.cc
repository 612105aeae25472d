// See redis_tier.h.
#include "proxy/exchange/redis_tier.h"

#include <algorithm>

#include "base/digest.h"
#include "cache/entry_format.h"
#include "cache/validate.h"
#include "proxy/exchange/purge_news.h"

namespace siding {

namespace {
constexpr size_t kMostKey = 512;  // longer ones are told by their digest
constexpr Seconds kLongest = std::chrono::hours(24 * 7);
/// What nobody waits for may take its time.
constexpr Duration kNoHurry = std::chrono::seconds(2);
constexpr std::string_view kPass = "pass";
/// Only who holds a lease may end it.
constexpr const char* kRelease =
    "if redis.call('get',KEYS[1])~=ARGV[1] then return 0 end "
    "if ARGV[2]=='0' then return redis.call('del',KEYS[1]) end "
    "return redis.call('set',KEYS[1],'pass','px',ARGV[2])";

/// All or nothing. Clients choose what is asked for: of one URI so many answers, then it begins anew.
constexpr const char* kStore =
    "if redis.call('hlen',KEYS[1])>64 then redis.call('unlink',KEYS[1]) end "
    "if ARGV[4]~='' then redis.call('hset',KEYS[1],ARGV[3],ARGV[4]) end "
    "redis.call('hset',KEYS[1],ARGV[2],ARGV[5]) "
    "return redis.call('pexpire',KEYS[1],ARGV[1])";

std::string field_of(const VariantKey& variant) {
  return std::to_string(variant.owner) + " " + std::to_string(variant.content.size()) + ":" +
         variant.content;
}
std::string ms_text(Duration d) {
  return std::to_string(
      std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(d).count()));
}

/// How long it is of use: while it is fresh, may be sent stale, or spares a body after that.
Duration use_of(const Entry& entry, const CachePolicy& policy, WallTime now) {
  const std::optional<Duration> left = time_left(entry.freshness, now);
  if (!left || *left <= Duration::zero()) return Duration::zero();
  const Freshness& f = entry.freshness;
  const Seconds stale = std::max(f.stale_while_revalidate.value_or(policy.stale_while_revalidate),
                                 f.stale_if_error.value_or(policy.stale_if_error));
  Duration use = saturating_add(*left, stale);
  if (has_validator(entry.head)) use = saturating_add(use, *left);
  return std::min<Duration>(use, kLongest);
}
}  // namespace

void RedisShared::collect(MetricSink& sink) const {
  auto number = [](const auto& n) { return static_cast<double>(n.load()); };
  sink.gauge("siding_redis_connections", "Connections to the Redis that serve",
             number(commands.up));
  constexpr std::string_view name = "siding_redis_commands_total";
  constexpr std::string_view help = "Commands to the Redis, by what became of them";
  sink.counter(name, help, number(commands.answered), {{"result", "answered"}});
  sink.counter(name, help, number(commands.errors), {{"result", "error"}});
  sink.counter(name, help, number(commands.late), {{"result", "late"}});
  sink.counter(name, help, number(commands.lost), {{"result", "lost"}});
  sink.counter(name, help, number(commands.refused), {{"result", "not_sent"}});
  sink.counter("siding_redis_failures_total", "Connections to the Redis that failed or broke",
               number(commands.failures));
  constexpr std::string_view lookups = "siding_cache_shared_lookups_total";
  constexpr std::string_view about = "Lookups in the store that replicas share";
  sink.counter(lookups, about, number(hits), {{"result", "hit"}});
  sink.counter(lookups, about, number(misses), {{"result", "miss"}});
  sink.counter(lookups, about, number(invalid), {{"result", "invalid"}});
  sink.counter("siding_cache_shared_stored_total", "Answers put there", number(stored));
}

RedisTier::RedisTier(Uses uses, const RedisConfig& config, std::string name)
    : uses_(std::move(uses)),
      shared_(uses_.shared),
      config_(config),
      name_(std::move(name)),
      client_(uses_.loop, *uses_.resolver, shared_.commands, client_options()) {}

std::unique_ptr<RedisClient> RedisTier::new_client() const {
  return std::make_unique<RedisClient>(uses_.loop, *uses_.resolver, shared_.commands,
                                       client_options());
}

RedisClient::Options RedisTier::client_options() const {
  RedisClient::Options options;
  options.config = config_;
  options.password = uses_.password;
  options.tls = uses_.tls;
  options.max_reply = 4 * kMostBody;
  return options;
}

std::string RedisTier::uri_key_of(const std::string& uri) const {
  return config_.prefix + ":u:" + (uri.size() > kMostKey ? sha256(uri) : uri);
}
std::string RedisTier::lease_key_of(const std::string& key) const {
  return config_.prefix + ":l:" + sha256(key);
}

Task<EntryRef> RedisTier::find(StorePlace place, RequestHead request, const CachePolicy& policy) {
  if (!uses_.purges->followed()) co_return EntryRef();
  const std::string key = uri_key_of(place.uri);
  const std::string field = field_of(place.variant);
  RedisCommand get;
  get.words = {"HGET", key, field};
  Result<RedisReply> got = co_await client_.ask(std::move(get), config_.timeout);
  if (!got) co_return EntryRef();
  if (std::optional<Vary> vary = read_vary_bytes(got->text(), place.uri)) {
    RedisCommand one;
    one.words = {"HGET", key, field + " " + vary_key(*vary, request.fields, policy)};
    got = co_await client_.ask(std::move(one), config_.timeout);
    if (!got) co_return EntryRef();
  }
  if (got->is_nil()) {
    ++shared_.misses;
    co_return EntryRef();
  }
  std::optional<Entry> entry = read_entry(got->text(), place.uri, place.variant);
  if (!entry) {
    ++shared_.invalid;
    co_return EntryRef();
  }
  if (!vary_matches(entry->vary, entry->vary_key, request.fields, policy) ||
      uses_.purges->is_purged(place.uri, *entry)) {
    ++shared_.misses;
    co_return EntryRef();
  }
  ++shared_.hits;
  EntryRef found = std::make_shared<const Entry>(std::move(*entry));
  co_return std::move(found);
}

bool RedisTier::put(const StorePlace& place, const Entry& entry, const CachePolicy& policy,
                    WallTime now) {
  const Duration use = use_of(entry, policy, now);
  if (use <= Duration::zero() || entry.body.size() > kMostBody || entry.vary.star) return false;
  const std::string field = field_of(place.variant);
  const bool varies = !entry.vary.names.empty();
  EntryBytes bytes = write_entry(place.uri, entry);
  RedisCommand set;
  set.words = {"EVAL",       kStore,
               "1",          uri_key_of(place.uri),
               ms_text(use), varies ? field + " " + entry.vary_key : field,
               field,        varies ? write_vary(place.uri, entry.vary) : std::string()};
  set.last.append_copy(bytes.head);
  set.last.append(std::move(bytes.body));
  if (!client_.tell(std::move(set), kNoHurry)) return false;
  ++shared_.stored;
  return true;
}

bool RedisTier::drop(const std::string& uri) {
  RedisCommand del;
  del.words = {"UNLINK", uri_key_of(uri)};
  return client_.tell(std::move(del), kNoHurry);
}

Task<RedisTier::Lease> RedisTier::take(std::string key) {
  if (config_.lease <= Duration::zero()) co_return Lease::none;
  const std::string where = lease_key_of(key);
  RedisCommand set;
  set.words = {"SET", where, name_, "NX", "PX", ms_text(config_.lease)};
  Result<RedisReply> taken = co_await client_.ask(std::move(set), config_.timeout);
  if (!taken) co_return Lease::none;
  if (!taken->is_nil()) co_return Lease::ours;
  RedisCommand get;
  get.words = {"GET", where};
  Result<RedisReply> who = co_await client_.ask(std::move(get), config_.timeout);
  if (!who) co_return Lease::none;
  // One of ours that was not given back: fetches are one a key in this process.
  if (who->text() == name_) co_return Lease::ours;
  co_return who->text() == kPass ? Lease::pass : Lease::others;
}

void RedisTier::release(const std::string& key, Duration pass) {
  RedisCommand end;
  const std::string ms = pass > Duration::zero() ? ms_text(pass) : "0";
  end.words = {"EVAL", kRelease, "1", lease_key_of(key), name_, ms};
  client_.tell(std::move(end), kNoHurry);
}

Task<Result<>> RedisTier::publish(std::string purge) {
  RedisCommand add;
  // One more than is remembered: who reads the stream from its beginning sees that there were others.
  add.words = {"XADD", stream(), "MAXLEN",        "~", std::to_string(PurgeNews::kMost + 1),
               "*",    "purge",  std::move(purge)};
  Result<RedisReply> added = co_await client_.ask(std::move(add), kNoHurry);
  if (!added) co_return added.error();
  co_return Result<>();
}

}  // namespace siding
