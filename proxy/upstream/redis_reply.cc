// See redis_reply.h. The only file that includes hiredis.
#include "proxy/upstream/redis_reply.h"

#include <hiredis/hiredis.h>

namespace siding {

namespace {
const redisReply* of(const std::shared_ptr<void>& raw) {
  return static_cast<const redisReply*>(raw.get());
}
redisReader* reader_of(void* reader) { return static_cast<redisReader*>(reader); }

const redisReplyObjectFunctions& usual_functions() {
  static const redisReplyObjectFunctions kUsual = [] {
    redisReader* reader = redisReaderCreate();
    redisReplyObjectFunctions functions = *reader->fn;
    redisReaderFree(reader);
    return functions;
  }();
  return kUsual;
}

/// hiredis would make room for as many elements as the server announces, and look at each of them when
/// it is freed: with 2^31 the loop stands still for seconds. (`Count` is int or size_t, by its version.)
template <class Count>
void* short_array(const redisReadTask* task, Count elements) {
  if (elements > static_cast<Count>(RedisReader::kMostElements)) return nullptr;
  return usual_functions().createArray(task, elements);
}
}  // namespace

void RedisReply::free(void* raw) { freeReplyObject(raw); }

bool RedisReply::is_nil() const { return !raw_ || of(raw_)->type == REDIS_REPLY_NIL; }

std::optional<std::string_view> RedisReply::error() const {
  if (!raw_ || of(raw_)->type != REDIS_REPLY_ERROR) return std::nullopt;
  return std::string_view(of(raw_)->str, of(raw_)->len);
}

std::string_view RedisReply::text() const {
  if (!raw_) return {};
  const redisReply& r = *of(raw_);
  if (r.type != REDIS_REPLY_STRING && r.type != REDIS_REPLY_STATUS) return {};
  return {r.str, r.len};
}

std::optional<int64_t> RedisReply::integer() const {
  if (!raw_ || of(raw_)->type != REDIS_REPLY_INTEGER) return std::nullopt;
  return of(raw_)->integer;
}

size_t RedisReply::size() const {
  return raw_ && of(raw_)->type == REDIS_REPLY_ARRAY ? of(raw_)->elements : 0;
}

RedisReply RedisReply::at(size_t i) const {
  RedisReply element;
  if (i < size()) element.raw_ = std::shared_ptr<void>(raw_, of(raw_)->element[i]);
  return element;
}

RedisReader::RedisReader() : reader_(redisReaderCreate()) {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions changed = usual_functions();
    changed.createArray = &short_array;
    return changed;
  }();
  reader_of(reader_)->fn = &functions;
}

RedisReader::~RedisReader() { redisReaderFree(reader_of(reader_)); }

void RedisReader::feed(std::string_view bytes) {
  if (redisReaderFeed(reader_of(reader_), bytes.data(), bytes.size()) != REDIS_OK) broken_ = true;
}

std::optional<RedisReply> RedisReader::next() {
  void* raw = nullptr;
  if (broken_ || redisReaderGetReply(reader_of(reader_), &raw) != REDIS_OK) {
    broken_ = true;
    return std::nullopt;
  }
  if (raw == nullptr) return std::nullopt;
  return RedisReply(raw);
}

}  // namespace siding
