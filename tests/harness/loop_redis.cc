// See loop_redis.h.
#include "tests/harness/loop_redis.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace siding::test {

namespace {
constexpr const char* kNil = "$-1\r\n";
constexpr const char* kNilArray = "*-1\r\n";
constexpr const char* kOk = "+OK\r\n";

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string number(size_t n) { return ":" + std::to_string(n) + "\r\n"; }
std::string array(const std::vector<std::string>& members) {
  std::string out = "*" + std::to_string(members.size()) + "\r\n";
  for (const std::string& member : members) out += member;
  return out;
}

/// The number after the character at `at`, which moves behind its line; nullopt: the line is not whole.
std::optional<size_t> take_number(const std::string& in, size_t& at) {
  size_t end = in.find("\r\n", at);
  if (end == std::string::npos) return std::nullopt;
  size_t n = std::strtoul(in.c_str() + at + 1, nullptr, 10);
  at = end + 2;
  return n;
}
/// The command at the front of `in`, and its length there; nullopt: it is not whole.
std::optional<LoopRedis::Words> read_command(const std::string& in, size_t& length) {
  size_t at = 0;
  std::optional<size_t> count = take_number(in, at);
  if (!count) return std::nullopt;
  LoopRedis::Words words;
  while (words.size() < *count) {
    std::optional<size_t> size = take_number(in, at);
    if (!size || at + *size + 2 > in.size()) return std::nullopt;
    words.push_back(in.substr(at, *size));
    at += *size + 2;
  }
  length = at;
  return words;
}
Duration ms_of(const std::string& text) {
  return std::chrono::milliseconds(std::strtol(text.c_str(), nullptr, 10));
}
}  // namespace

LoopRedis::LoopRedis(const Clock& clock)
    : clock_(clock), origin_([this](LoopPeer& peer) { serve(peer); }) {}

void LoopRedis::die() {
  failed_ = true;
  for (auto& peer : origin_.peers()) peer->reset();
  origin_.stop();
}

void LoopRedis::recover() {
  hangs_ = false;
  hangs_at_.clear();
  origin_.start();
}

size_t LoopRedis::commands(const std::string& name) const {
  auto it = commands_.find(name);
  return it == commands_.end() ? 0 : it->second;
}

void LoopRedis::serve(LoopPeer& peer) {
  size_t length = 0;
  while (auto words = read_command(peer.in, length)) {
    if ((*words)[0] == hangs_at_) hangs_ = true;
    if (hangs_) {
      failed_ = true;
      return;
    }
    std::optional<std::string> text = answer(*words, peer);
    if (!text) return;
    ++commands_[(*words)[0]];
    peer.in.erase(0, length);
    peer.send(*text);
  }
}

std::optional<std::string> LoopRedis::answer(const Words& words, LoopPeer& peer) {
  const std::string& name = words[0];
  if (name == "PING") return "+PONG\r\n";
  if (name == "HGET" && words.size() == 3) {
    if (others_until_ > clock_.now()) return kNil;
    auto hash = hashes_.find(words[1]);
    if (hash == hashes_.end() || hash->second.until <= clock_.now()) return kNil;
    auto field = hash->second.fields.find(words[2]);
    return field == hash->second.fields.end() ? kNil : bulk(field->second);
  }
  if (name == "SET" && words.size() == 6) return set_lease(words);
  if (name == "GET" && words.size() == 2) return get(words[1]);
  if (name == "EVAL") return eval(words);
  if (name == "UNLINK" && words.size() == 2) return number(hashes_.erase(words[1]));
  if (name == "XLEN") return number(stream_.size());
  if (name == "XRANGE" && words.size() == 4 && words[2] == words[3]) {
    size_t behind = place_behind(words[2]);
    return behind == 0 ? array({}) : array({entry_of(behind - 1)});
  }
  if (name == "XREAD") return read_stream(words, peer);
  ADD_FAILURE() << "siding sent " << name << " with " << words.size() - 1 << " words";
  return "-ERR unknown\r\n";
}

/// Null: nobody has it.
std::string* LoopRedis::lease(const std::string& key) {
  auto it = leases_.find(key);
  if (it == leases_.end()) return nullptr;
  if (it->second.until > clock_.now()) return &it->second.value;
  leases_.erase(it);
  return nullptr;
}

size_t LoopRedis::leases() {
  if (failed_) return 0;
  size_t held = 0;
  for (auto it = leases_.begin(); it != leases_.end();) {
    std::string* value = lease((it++)->first);
    if (value != nullptr && *value != "pass") ++held;
  }
  return held;
}

std::string LoopRedis::get(const std::string& key) {
  if (others_until_ > clock_.now()) return bulk("another replica");
  std::string* value = lease(key);
  return value == nullptr ? kNil : bulk(*value);
}

/// SET key name NX PX ms
std::string LoopRedis::set_lease(const Words& words) {
  if (others_until_ > clock_.now() || lease(words[1]) != nullptr) return kNil;
  leases_[words[1]] = {words[2], after(clock_.now(), ms_of(words[5]))};
  return kOk;
}

std::string LoopRedis::eval(const Words& words) {
  // script 1 key name ms
  if (words.size() == 6) {
    std::string* value = lease(words[3]);
    if (value == nullptr || *value != words[4]) return number(0);
    if (words[5] == "0") return number(leases_.erase(words[3]));
    leases_[words[3]] = {"pass", after(clock_.now(), ms_of(words[5]))};
    return kOk;
  }
  // script 1 key ms field field-of-vary vary entry
  if (words.size() == 9) {
    Hash& hash = hashes_[words[3]];
    if (!words[7].empty()) hash.fields[words[6]] = words[7];
    hash.fields[words[5]] = words[8];
    hash.until = after(clock_.now(), ms_of(words[4]));
    return number(1);
  }
  ADD_FAILURE() << "siding sent a script with " << words.size() - 2 << " words";
  return "-ERR unknown\r\n";
}

void LoopRedis::publish(const std::string& purge) {
  const std::string ms = std::to_string(to_ms(clock_.wall().time_since_epoch()));
  stream_.push_back({ms + "-" + std::to_string(stream_.size()), purge});
}

std::string LoopRedis::entry_of(size_t i) const {
  return array({bulk(stream_[i].id), array({bulk("purge"), bulk(stream_[i].purge)})});
}
size_t LoopRedis::place_behind(const std::string& id) const {
  size_t i = 0;
  while (i < stream_.size() && stream_[i].id != id) ++i;
  return i == stream_.size() ? 0 : i + 1;  // "0-0" is before all
}

/// XREAD COUNT n [BLOCK ms] STREAMS key id. While it waits the command stays where it came, and the
/// stage of the peer is when that ends.
std::optional<std::string> LoopRedis::read_stream(const Words& words, LoopPeer& peer) {
  std::vector<std::string> entries;
  for (size_t i = place_behind(words.back()); i < stream_.size(); ++i) {
    entries.push_back(entry_of(i));
  }
  const int now = static_cast<int>(to_ms(clock_.now().time_since_epoch()));
  const bool blocks = words[3] == "BLOCK";
  if (entries.empty() && blocks && peer.stage == 0) {
    peer.stage = now + static_cast<int>(to_ms(ms_of(words[4])));
  }
  if (entries.empty() && blocks && now < peer.stage) return std::nullopt;
  peer.stage = 0;
  if (entries.empty()) return kNilArray;
  return array({array({bulk(words[words.size() - 2]), array(entries)})});
}

}  // namespace siding::test
