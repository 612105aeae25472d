// See purge_news.h.
#include "proxy/exchange/purge_news.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/exchange/services.h"
#include "proxy/observe/log.h"

namespace siding {

namespace {
constexpr size_t kBatch = 100;
constexpr const char* kBlock = "5000";  // milliseconds, in the server
constexpr Duration kPatience = std::chrono::seconds(8);

/// "1700000000000-0" is when the server took it.
std::optional<WallTime> time_of(std::string_view id) {
  std::optional<uint64_t> ms = parse_u64(id.substr(0, id.find('-')));
  if (!ms || *ms > uint64_t{1} << 43) return std::nullopt;
  return WallTime(std::chrono::milliseconds(static_cast<int64_t>(*ms)));
}

/// Takes one answer to XREAD in; how many there were. Moves `last` on.
Task<size_t> take_news(LoopServices& services, RedisReply reply, std::string& last) {
  RedisReply entries = reply.at(0).at(1);
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
    for (const Purge& one : services.shared.caches->forms_of(*purge)) {
      services.shared.purge_news.add(one, *at);
    }
    purges.push_back(std::move(*purge));
  }
  // The Redis is asked meanwhile: all are known before the first walk.
  for (const Purge& purge : purges) co_await purge_by_turns(*services.shared.caches, purge);
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

Task<> follow_purges(LoopServices& services) {
  PurgeNews& news = services.shared.purge_news;
  RedisClient client(services.loop, services.resolver, services.shared.redis.commands,
                     services.redis->client_options());
  client.start();
  const std::string stream = services.redis->stream();
  std::string last = "0-0";
  bool all_known = false;
  while (true) {
    if (!client.up()) {
      all_known = false;
      news.follow(false);
      co_await Wait(client.changed());
      continue;
    }
    RedisCommand read;
    read.words = {"XREAD", "COUNT", std::to_string(kBatch)};
    if (all_known) {
      read.words.emplace_back("BLOCK");
      read.words.emplace_back(kBlock);
    }
    read.words.insert(read.words.end(), {"STREAMS", stream, last});
    Result<RedisReply> got = co_await client.ask(std::move(read), kPatience);
    if (!got) {
      news.follow(false);
      all_known = false;
      // An error that is answered comes at once, and would come again at once.
      co_await SleepUntil(after(services.loop.now(), std::chrono::seconds(1)));
      continue;
    }
    const size_t count = co_await take_news(services, std::move(*got), last);
    all_known = count < kBatch;
    if (all_known) news.follow(true);
  }
}

}  // namespace siding
