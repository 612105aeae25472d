// See fields.h.
#include "http/fields.h"

#include <cstring>

#include "base/text.h"

namespace siding {

namespace {
constexpr size_t kArenaBlock = 256;
}  // namespace

void Fields::keep(BlockRef block) {
  if (!storage_) {
    storage_ = std::move(block);
    return;
  }
  // The arena's open block must stay last.
  more_.insert(more_.begin(), std::move(block));
  if (more_.size() == 1) used_ = more_.back()->capacity();
}

std::string_view Fields::intern(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  if (size == 0) return {};
  // A block that a copy of this object shares is closed for further writing.
  if (more_.empty() || !more_.back()->unique() || more_.back()->capacity() - used_ < size) {
    more_.push_back(BlockRef::make(size > kArenaBlock ? size : kArenaBlock));
    used_ = 0;
  }
  char* begin = more_.back()->data() + used_;
  char* at = begin;
  for (std::string_view part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  used_ += size;
  return {begin, size};
}

void Fields::add(std::string_view name, std::string_view value) {
  std::string_view n = intern(name);
  std::string_view v = intern(value);
  list_.push_back({n, v});
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

size_t Fields::remove(std::string_view name) {
  return std::erase_if(list_, [name](const Field& f) { return equals_ignore_case(f.name, name); });
}

const Field* Fields::find(std::string_view name) const {
  for (const Field& f : list_) {
    if (equals_ignore_case(f.name, name)) return &f;
  }
  return nullptr;
}

size_t Fields::count(std::string_view name) const {
  size_t n = 0;
  for (const Field& f : list_) n += equals_ignore_case(f.name, name) ? 1 : 0;
  return n;
}

std::string Fields::joined(std::string_view name) const {
  std::string_view separator = equals_ignore_case(name, "cookie") ? "; " : ", ";
  std::string out;
  bool first = true;
  for (const Field& f : list_) {
    if (!equals_ignore_case(f.name, name)) continue;
    if (!first) out += separator;
    out += f.value;
    first = false;
  }
  return out;
}

bool Fields::has_token(std::string_view name, std::string_view token) const {
  bool found = false;
  for (const Field& f : list_) {
    if (!equals_ignore_case(f.name, name)) continue;
    for_each_item(f.value,
                  [&](std::string_view item) { found = found || equals_ignore_case(item, token); });
  }
  return found;
}

void Fields::clear() {
  list_.clear();
  storage_ = BlockRef();
  more_.clear();
  used_ = 0;
}

size_t Fields::footprint() const {
  size_t total = list_.capacity() * sizeof(Field) + more_.capacity() * sizeof(BlockRef);
  if (storage_) total += storage_->capacity();
  for (const BlockRef& b : more_) total += b->capacity();
  return total;
}

}  // namespace siding
