// See purge_news.h.
#include "proxy/exchange/purge_news.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/exchange/caches.h"
#include "proxy/loop/wait.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr size_t kBatch = 100;
constexpr const char* kBeginning = "0-0";  // of a stream
constexpr const char* kBlock = "5000";     // milliseconds, in the server
constexpr Duration kPatience = std::chrono::seconds(8);

/// "1700000000000-0" is when the server took it.
std::optional<WallTime> time_of(std::string_view id) {
  std::optional<uint64_t> ms = parse_u64(id.substr(0, id.find('-')));
  if (!ms || *ms > uint64_t{1} << 43) return std::nullopt;
  return WallTime(std::chrono::milliseconds(static_cast<int64_t>(*ms)));
}

struct Uses {
  Caches& caches;
  PurgeNews& news;
};

/// So that no purge is used in memory before the Redis is asked with it in mind.
void remember(const Uses& uses, const Purge& purge, WallTime at) {
  for (const Purge& one : uses.caches.forms_of(purge)) {
    uses.news.add(one, at);
  }
}

/// On a new connection, before it is read on behind `last`: has the stream lost entries that came after
/// it? It may have been cut while we were away, or another server took over that had not got all. Then
/// everything counts as purged, and it is read from its beginning. A stream that is not there says that
/// the server began anew, with nothing in it; what it told before, we have heard.
Task<Result<>> look_for_gap(Uses uses, RedisClient& client, std::string stream, std::string& last) {
  if (last == kBeginning) co_return Result<>();
  RedisCommand entry;
  entry.words = {"XRANGE", stream, last, last};
  Result<RedisReply> found = co_await client.ask(std::move(entry), kPatience);
  if (!found) co_return found.error();
  if (found->size() > 0) co_return Result<>();
  RedisCommand length;
  length.words = {"XLEN", stream};
  Result<RedisReply> entries = co_await client.ask(std::move(length), kPatience);
  if (!entries) co_return entries.error();
  last = kBeginning;
  if (entries->integer() == 0) co_return Result<>();
  log_warning("redis: purges may have been missed; all that is cached counts as purged");
  Purge all;
  remember(uses, all, Loop::current().clock().wall());
  co_await purge_by_turns(uses.caches, std::move(all));
  co_return Result<>();
}

/// Reads what stands behind `last`, and moves it on; how many there were. `wait`: until there is one.
Task<Result<size_t>> read_news(Uses uses, RedisClient& client, std::string stream,
                               std::string& last, bool wait) {
  RedisCommand read;
  read.words = {"XREAD", "COUNT", std::to_string(kBatch)};
  if (wait) {
    read.words.emplace_back("BLOCK");
    read.words.emplace_back(kBlock);
  }
  read.words.insert(read.words.end(), {"STREAMS", std::move(stream), last});
  Result<RedisReply> reply = co_await client.ask(std::move(read), kPatience);
  if (!reply) co_return reply.error();
  RedisReply entries = reply->at(0).at(1);
  std::vector<Purge> purges;
  for (size_t i = 0; i < entries.size(); ++i) {
    RedisReply entry = entries.at(i);
    last = entry.at(0).text();
    std::optional<Purge> purge = Purge::from_text(entry.at(1).at(1).text());
    std::optional<WallTime> at = time_of(last);
    if (!purge || !at) {
      log_warning("redis: " + last + " in the stream of purges is none of this version");
      continue;
    }
    remember(uses, *purge, *at);
    purges.push_back(std::move(*purge));
  }
  // The Redis is asked meanwhile: all are known before the first walk.
  for (const Purge& purge : purges) co_await purge_by_turns(uses.caches, purge);
  co_return entries.size();
}
}  // namespace

void PurgeNews::add(const Purge& purge, WallTime at) {
  std::lock_guard lock(mutex_);
  auto before = std::upper_bound(news_.begin(), news_.end(), at,
                                 [](WallTime t, const News& n) { return t < n.at; });
  news_.insert(before, {purge, at});
  while (news_.size() > kMost) {
    forgotten_ = news_.front().at;
    news_.pop_front();
  }
}

bool PurgeNews::is_purged(std::string_view uri, const Entry& entry) const {
  const WallTime came = entry.freshness.response_time - kSkew;
  std::lock_guard lock(mutex_);
  if (came <= forgotten_) return true;
  for (auto it = news_.rbegin(); it != news_.rend() && it->at >= came; ++it) {
    if (matches(it->purge, uri, entry)) return true;
  }
  return false;
}

Task<> follow_purges(Caches& caches, std::shared_ptr<RedisTier> tier) {
  PurgeNews& news = tier->purges();
  const Uses uses{caches, news};
  const std::unique_ptr<RedisClient> connection = tier->new_client();
  RedisClient& client = *connection;
  client.start();
  const std::string stream = tier->stream();
  std::string last = kBeginning;
  bool whole = false;  // nothing that came behind `last` is missing
  bool all_known = false;
  while (true) {
    if (!client.up()) {
      whole = all_known = false;
      news.follow(false);
      co_await Wait(client.changed());
      continue;
    }
    Result<size_t> count = 0;
    if (!whole) {
      Result<> looked = co_await look_for_gap(uses, client, stream, last);
      if (!looked) count = looked.error();
      whole = looked.ok();
    }
    if (whole) count = co_await read_news(uses, client, stream, last, all_known);
    if (!count) {
      // The connection may be another one by now.
      whole = all_known = false;
      news.follow(false);
      // An error that is answered comes at once, and would come again at once.
      co_await SleepUntil(after(Loop::current().now(), std::chrono::seconds(1)));
      continue;
    }
    all_known = *count < kBatch;
    if (all_known) news.follow(true);
  }
}

}  // namespace siding
