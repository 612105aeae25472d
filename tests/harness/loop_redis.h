// A Redis on the loop's own thread, as much of one as siding speaks to: hashes, leases, the stream of
// purges, and the two scripts, of which it does what they say. It can die, and it can hang.
// Invariants: pumped between the turns of the loop, as LoopPeer; its time is the test's clock; a command
// that siding never sends is a failure of the test.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/harness/loop_peer.h"

namespace siding::test {

class LoopRedis {
 public:
  using Words = std::vector<std::string>;

  explicit LoopRedis(const Clock& clock);
  uint16_t port() const { return origin_.port(); }
  bool pump() { return origin_.pump(); }
  size_t accepted() const { return origin_.accepted(); }

  /// Its connections are reset, and new ones refused.
  void die();
  /// It takes what comes, and answers nothing any more: from the first command of this name on.
  void hang(const std::string& command = "") { hangs_at_ = command, hangs_ = command.empty(); }
  /// As if it had never died or hung; what it holds is there still.
  void recover();
  /// It died, or somebody waits in vain.
  bool failed() const { return failed_ || hangs_; }

  /// Another replica fetches, for so long; what is held is what it fetched, and nobody sees it before.
  void lease_all(Duration how_long) { others_until_ = clock_.now() + how_long; }
  /// Another replica tells of a purge: Purge::to_text().
  void publish(const std::string& purge);

  /// Commands of that name that came.
  size_t commands(const std::string& name) const;
  /// Answers that it holds.
  size_t entries() const { return hashes_.size(); }
  /// Leases that siding has. What was asked of a Redis that failed does not count.
  size_t leases();

 private:
  struct Text {
    std::string value;
    TimePoint until = kNever;
  };
  struct Hash {
    std::map<std::string, std::string> fields;
    TimePoint until = kNever;
  };
  void serve(LoopPeer& peer);
  /// The answer; nullopt: not yet.
  std::optional<std::string> answer(const Words& words, LoopPeer& peer);
  std::string get(const std::string& key);
  std::string set_lease(const Words& words);
  std::string eval(const Words& words);
  std::optional<std::string> read_stream(const Words& words, LoopPeer& peer);
  std::string entry_of(size_t i) const;
  size_t place_behind(const std::string& id) const;
  std::string* lease(const std::string& key);

  const Clock& clock_;
  LoopOrigin origin_;
  std::map<std::string, Hash> hashes_;
  std::map<std::string, Text> leases_;
  struct News {
    std::string id;
    std::string purge;
  };
  std::vector<News> stream_;
  std::map<std::string, size_t> commands_;
  TimePoint others_until_{};
  std::string hangs_at_;
  bool hangs_ = false;
  bool failed_ = false;
};

}  // namespace siding::test
