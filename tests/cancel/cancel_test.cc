// Every story is cut at every step, in every way in which it can be, and must leave nothing behind: no
// frame, connection, permit, pin, lease, fetch, byte of a budget or descriptor.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/cancel/stories.h"
#include "tests/harness/loop_bed.h"

namespace siding::cancel {

using namespace std::chrono_literals;
using test::LeftoverCheck;
using test::LoopOrigin;
using test::LoopWorld;

namespace {

enum class Cut {
  reset,        ///< a client's RST
  leave,        ///< a client closes: FIN, and RST for what still comes
  half_close,   ///< a client's FIN; it goes on reading
  listener,     ///< the front listener drops all connections
  backend,      ///< the backend dies: its connections are reset, new ones refused
  workers,      ///< the workers' calls are reset
  upstream,     ///< the upstream dies, as the backend
  redis,        ///< the Redis dies
  redis_hangs,  ///< it takes what comes, and answers nothing
  reload,       ///< another configuration is put in force
  world,        ///< everything is destroyed where it stands
};

std::string name_of(Cut cut) {
  switch (cut) {
    case Cut::reset: return "reset";
    case Cut::leave: return "leave";
    case Cut::half_close: return "half_close";
    case Cut::listener: return "listener";
    case Cut::backend: return "backend";
    case Cut::workers: return "workers";
    case Cut::upstream: return "upstream";
    case Cut::redis: return "redis";
    case Cut::redis_hangs: return "redis_hangs";
    case Cut::reload: return "reload";
    case Cut::world: return "world";
  }
  return "?";
}

constexpr int kMostSteps = 2000;

/// Runs a story by steps in which something moves; where nothing does, its time goes on.
class Telling {
 public:
  explicit Telling(const Story& story)
      : story_(story), world_(std::make_unique<LoopWorld>(story.config)) {
    story.begin(*world_);
  }
  LoopWorld& world() { return *world_; }

  /// False if the story is over.
  bool step() {
    for (int ticks = 0; ticks < 100; ++ticks) {
      if (world_->step()) return true;
      if (!world_->idle()) return true;
      if (answered() || story_.tick == Duration::zero() || ticks_ == most_ticks_) return false;
      if (story_.on_tick) story_.on_tick(*world_, ticks_);
      ++ticks_;
      world_->advance(story_.tick);
    }
    return false;
  }
  bool answered() const {
    for (auto& client : world_->clients) {
      std::string copy = client->in;
      if (!client->eof && !test::take_message(copy)) return false;
    }
    return true;
  }
  void expect_answers() {
    expect_status();
    if (story_.check) story_.check(*world_);
  }
  void expect_status() {
    ASSERT_EQ(world_->clients.size(), story_.answers.size());
    for (size_t i = 0; i < story_.answers.size(); ++i) {
      std::string copy = world_->clients[i]->in;
      std::optional<std::string> whole = test::take_message(copy);
      EXPECT_EQ(whole ? test::status_of_message(*whole) : 0, story_.answers[i])
          << world_->clients[i]->in.substr(0, 500);
    }
  }

  void cut(Cut how, size_t victim) {
    LoopWorld& w = *world_;
    switch (how) {
      case Cut::reset: w.clients[victim]->reset(); break;
      case Cut::leave: w.clients[victim]->close(); break;
      case Cut::half_close: w.clients[victim]->shutdown_write(); break;
      case Cut::listener: w.front->close_all(); break;
      case Cut::backend: die(w.backend); break;
      case Cut::upstream: die(w.upstream); break;
      case Cut::redis: w.redis->die(); break;
      case Cut::redis_hangs: w.redis->hang(); break;
      case Cut::reload: w.reload(); break;
      case Cut::workers:
        for (auto& peer : w.backend.peers()) {
          if (peer->call) peer->call->reset();
        }
        break;
      case Cut::world: break;
    }
  }

  /// Lets the others go on, and time pass until nothing may be left of a cut exchange.
  void end() {
    LoopWorld& w = *world_;
    most_ticks_ = ticks_ + 50;  // some wait for what was cut, and for nothing else
    for (int i = 0; i < 40 && step(); ++i) {
    }
    pass_time();
    EXPECT_EQ(w.services->abandoned.load(), 0u);
    if (!story_.fresh.empty()) expect_fresh_answer();
    // Who still waits now does so for one that never comes: all go.
    for (auto& client : w.clients) client->reset();
    for (LoopOrigin* origin : {&w.backend, &w.upstream}) {
      origin->stop();
      origin->close_all();
    }
    pass_time();
    EXPECT_EQ(w.front->connections(), 0u);
    w.egress->close_all();
    EXPECT_TRUE(w.settle());
    w.expect_nothing_left();
  }

  /// What becomes of the Redis, or of the configuration, is nothing to the clients.
  void expect_answers_all_the_same() {
    for (int i = 0; i < kMostSteps && step(); ++i) {
    }
    expect_status();
  }

 private:
  static void die(LoopOrigin& origin) {
    for (auto& peer : origin.peers()) peer->reset();
    origin.stop();
  }
  void expect_fresh_answer() {
    LoopWorld& w = *world_;
    w.backend.start();
    w.upstream.start();
    if (w.redis) w.redis->recover();
    if (story_.mend) story_.mend(w);
    // A Redis is reached again after ten seconds, and the stream is silent for five of eight.
    for (int i = 0; i < 5; ++i) {
      w.advance(3s);
      settle();
    }
    EXPECT_TRUE(!w.redis || w.here->snapshot.purge_news->followed());
    test::LoopPeer& client = w.add_client();
    client.send(story_.fresh);
    std::optional<std::string> answer;
    for (int ticks = 0; ticks < 100 && !answer; ++ticks) {
      EXPECT_TRUE(w.settle());
      answer = client.take();
      w.advance(10ms);
    }
    ASSERT_TRUE(answer) << "no answer to a fresh request: " << client.in;
    EXPECT_EQ(test::status_of_message(*answer), 200) << *answer;
    EXPECT_NE(answer->find(story_.fresh_answer), std::string::npos) << *answer;
    EXPECT_TRUE(w.settle());
  }
  void pass_time() {
    constexpr Duration kLong = 130s;  // queue.timeout, abandon, send_timeout: one after the other
    settle();
    for (Duration passed{}; passed < kLong; passed += 26s) {
      world_->advance(26s);
      settle();
    }
  }
  void settle() {
    EXPECT_TRUE(world_->settle());
    // Not only when it has run out by itself.
    if (!world_->redis || world_->services->caches->counts.fetches > 0) return;
    EXPECT_EQ(world_->redis->leases(), 0u) << "a lease without a fetch";
  }

  const Story& story_;
  std::unique_ptr<LoopWorld> world_;
  int ticks_ = 0;
  int most_ticks_ = -1;
};

std::vector<Story> all_stories() {
  std::vector<Story> all = backend_stories();
  for (Story& s : h2_stories()) all.push_back(std::move(s));
  for (Story& s : h2_origin_stories()) all.push_back(std::move(s));
  for (Story& s : tunnel_stories()) all.push_back(std::move(s));
  for (Story& s : cache_stories()) all.push_back(std::move(s));
  for (Story& s : redis_stories()) all.push_back(std::move(s));
  for (Story& s : upstream_stories()) all.push_back(std::move(s));
  for (Story& s : cached_call_stories()) all.push_back(std::move(s));
  return all;
}
std::vector<Story> stories_with(const std::string& server) {
  std::vector<Story> those;
  for (Story& s : all_stories()) {
    if (s.has(server)) those.push_back(std::move(s));
  }
  return those;
}

class Cancel : public testing::TestWithParam<Story> {
 protected:
  /// How many steps the whole story takes.
  int length() {
    LeftoverCheck leftovers;
    Telling run(GetParam());
    int steps = 0;
    while (steps < kMostSteps && run.step()) ++steps;
    EXPECT_LT(steps, kMostSteps) << "it has no end";
    run.expect_answers();
    run.end();
    return steps;
  }

  void cut_at(int steps, Cut how, size_t victim) {
    SCOPED_TRACE(name_of(how) + " of " + std::to_string(victim) + " after step " +
                 std::to_string(steps));
    LeftoverCheck leftovers;
    Telling run(GetParam());
    for (int i = 0; i < steps; ++i) run.step();
    run.cut(how, victim);
    const bool harmless = how == Cut::redis || how == Cut::redis_hangs || how == Cut::reload;
    if (harmless) run.expect_answers_all_the_same();
    if (how != Cut::world) run.end();
  }

  void cut_everywhere(Cut how) {
    int steps = length();
    size_t victims = 1;
    if (how == Cut::reset || how == Cut::leave || how == Cut::half_close) {
      victims = GetParam().answers.size();
    }
    for (size_t victim = 0; victim < victims && !HasFailure(); ++victim) {
      // The long stories repeat the same few steps: their ways of cutting share them out.
      constexpr int kLong = 120;
      constexpr int kShare = 6;
      for (int at = 0; at <= steps && !HasFailure(); ++at) {
        bool mine = at % kShare == static_cast<int>(how) % kShare;
        if (steps < kLong || at < kLong / 4 || mine) cut_at(at, how, victim);
      }
    }
  }
};

TEST_P(Cancel, Uncut) { EXPECT_GT(length(), 0); }
TEST_P(Cancel, ByReset) { cut_everywhere(Cut::reset); }
TEST_P(Cancel, ByLeaving) { cut_everywhere(Cut::leave); }
TEST_P(Cancel, ByHalfClose) { cut_everywhere(Cut::half_close); }
TEST_P(Cancel, ByTheListener) { cut_everywhere(Cut::listener); }
TEST_P(Cancel, ByTheBackend) { cut_everywhere(Cut::backend); }
TEST_P(Cancel, ByAReload) { cut_everywhere(Cut::reload); }
TEST_P(Cancel, ByTheEndOfAll) { cut_everywhere(Cut::world); }

INSTANTIATE_TEST_SUITE_P(Stories, Cancel, testing::ValuesIn(all_stories()),
                         [](const auto& story) { return story.param.name; });

class CancelWorkers : public Cancel {};
TEST_P(CancelWorkers, ByTheWorkers) { cut_everywhere(Cut::workers); }
INSTANTIATE_TEST_SUITE_P(Stories, CancelWorkers, testing::ValuesIn(stories_with("[egress]")),
                         [](const auto& story) { return story.param.name; });

class CancelUpstream : public Cancel {};
TEST_P(CancelUpstream, ByTheUpstream) { cut_everywhere(Cut::upstream); }
INSTANTIATE_TEST_SUITE_P(Stories, CancelUpstream, testing::ValuesIn(stories_with("UPSTREAM")),
                         [](const auto& story) { return story.param.name; });

class CancelRedis : public Cancel {};
TEST_P(CancelRedis, ByTheRedis) { cut_everywhere(Cut::redis); }
TEST_P(CancelRedis, ByAHungRedis) { cut_everywhere(Cut::redis_hangs); }
INSTANTIATE_TEST_SUITE_P(Stories, CancelRedis, testing::ValuesIn(stories_with("REDIS")),
                         [](const auto& story) { return story.param.name; });

}  // namespace
}  // namespace siding::cancel
