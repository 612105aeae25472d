// What a Redis answers (RESP2), read by hiredis.
// Invariant: owns what it shows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace siding {

class RedisReply {
 public:
  RedisReply() = default;
  /// Takes over a redisReply.
  explicit RedisReply(void* raw) : raw_(raw, &RedisReply::free) {}

  bool is_nil() const;
  /// The text of an -ERR.
  std::optional<std::string_view> error() const;
  /// Of a string or a status; empty for others.
  std::string_view text() const;
  std::optional<int64_t> integer() const;
  /// Elements of an array; an element is a view that lives as long as this.
  size_t size() const;
  RedisReply at(size_t i) const;

 private:
  static void free(void* raw);
  std::shared_ptr<void> raw_;  // null: there is none
};

/// Bytes in, answers out.
class RedisReader {
 public:
  /// Of one array: several times what siding ever asks for. More breaks the reader.
  static constexpr size_t kMostElements = 1024;

  RedisReader();
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;
  void feed(std::string_view bytes);
  /// The next answer; nullopt: not whole yet. Sets broken() if what came is no RESP.
  std::optional<RedisReply> next();
  bool broken() const { return broken_; }

 private:
  void* const reader_;
  bool broken_ = false;
};

}  // namespace siding
