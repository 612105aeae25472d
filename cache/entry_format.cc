// See entry_format.h. Numbers are little-endian; texts and lists have their length before them.
#include "cache/entry_format.h"

#include <xxhash.h>

namespace siding {

namespace {

// A change of what is written, or of what it means, changes these.
constexpr std::string_view kEntryMagic = "sidingE1";
constexpr std::string_view kVaryMagic = "sidingV1";
constexpr size_t kChecksum = 8;  // after the magic; of all that follows it
constexpr uint64_t kMostItems = 10'000;

class Writer {
 public:
  explicit Writer(std::string_view magic) : out_(magic) { out_.append(kChecksum, '\0'); }
  Writer& number(uint64_t n) {
    for (int i = 0; i < 8; ++i) out_ += static_cast<char>(n >> (8 * i) & 0xff);
    return *this;
  }
  Writer& text(std::string_view t) {
    number(t.size());
    out_ += t;
    return *this;
  }
  Writer& texts(const std::vector<std::string>& list) {
    number(list.size());
    for (const std::string& t : list) text(t);
    return *this;
  }
  Writer& seconds(const std::optional<Seconds>& s) {
    return number(s ? 1 : 0).number(static_cast<uint64_t>(s ? s->count() : 0));
  }
  std::string sealed(const Buffer& body = {}) {
    XXH3_state_t* state = XXH3_createState();
    XXH3_64bits_reset(state);
    const size_t from = kEntryMagic.size() + kChecksum;
    XXH3_64bits_update(state, out_.data() + from, out_.size() - from);
    for (size_t i = 0; i < body.slice_count(); ++i) {
      XXH3_64bits_update(state, body.slice(i).data(), body.slice(i).size());
    }
    const uint64_t sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    for (size_t i = 0; i < kChecksum; ++i) {
      out_[kEntryMagic.size() + i] = static_cast<char>(sum >> (8 * i) & 0xff);
    }
    return std::move(out_);
  }

 private:
  std::string out_;
};

/// Once something is missing, everything is.
class Reader {
 public:
  Reader(std::string_view magic, std::string_view bytes) : rest_(bytes) {
    const size_t before = magic.size() + kChecksum;
    ok_ = bytes.starts_with(magic) && bytes.size() >= before;
    if (!ok_) return;
    rest_.remove_prefix(magic.size());
    const uint64_t sum = number();
    ok_ = sum == XXH3_64bits(rest_.data(), rest_.size());
  }
  uint64_t number() {
    if (!ok_ || rest_.size() < 8) {
      ok_ = false;
      return 0;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < 8; ++i) n |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    rest_.remove_prefix(8);
    return n;
  }
  std::string_view text() {
    const uint64_t size = number();
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    std::string_view t = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return t;
  }
  std::vector<std::string> texts() {
    const uint64_t count = number();
    ok_ = ok_ && count <= kMostItems;
    std::vector<std::string> list;
    for (uint64_t i = 0; ok_ && i < count; ++i) list.emplace_back(text());
    return list;
  }
  /// Of an age or a lifetime: what is longer than for ever was never written, and no sum holds it.
  Seconds length() {
    const Seconds s(static_cast<int64_t>(number()));
    ok_ = ok_ && s >= -kForever && s <= kForever;
    return ok_ ? s : Seconds(0);
  }
  std::optional<Seconds> seconds() {
    const bool there = number() == 1;
    const Seconds s = length();
    return there ? std::optional(s) : std::nullopt;
  }
  bool flag() { return number() == 1; }
  Duration duration() { return Duration(static_cast<int64_t>(number())); }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = false;
};

void write(Writer& w, const Vary& vary) {
  w.number(vary.star ? 1 : 0).texts(vary.names).text(vary.language);
}
Vary vary_of(Reader& r) {
  Vary vary;
  vary.star = r.flag();
  vary.names = r.texts();
  vary.language = r.text();
  return vary;
}

uint64_t bits(Duration d) { return static_cast<uint64_t>(d.count()); }

void write(Writer& w, const Freshness& f) {
  w.number(static_cast<uint64_t>(f.lifetime.length.count()));
  w.number(static_cast<uint64_t>(f.lifetime.source));
  w.number(bits(f.response_time.time_since_epoch()));
  w.number(f.initial_age ? 1 : 0).number(bits(f.initial_age.value_or(Duration::zero())));
  for (bool b : {f.always_validate, f.never_stale, f.shared_maxage, f.immutable})
    w.number(b ? 1 : 0);
  w.seconds(f.stale_while_revalidate).seconds(f.stale_if_error);
}
std::optional<Freshness> freshness_of(Reader& r) {
  Freshness f;
  f.lifetime.length = r.length();
  const uint64_t source = r.number();
  if (source >= static_cast<uint64_t>(LifetimeSource::count_)) return std::nullopt;
  f.lifetime.source = static_cast<LifetimeSource>(source);
  f.response_time = WallTime(r.duration());
  const bool aged = r.flag();
  const Duration age = r.duration();
  if (age < Duration::zero()) return std::nullopt;
  if (aged) f.initial_age = age;
  f.always_validate = r.flag();
  f.never_stale = r.flag();
  f.shared_maxage = r.flag();
  f.immutable = r.flag();
  f.stale_while_revalidate = r.seconds();
  f.stale_if_error = r.seconds();
  return f;
}

}  // namespace

EntryBytes write_entry(std::string_view uri, const Entry& entry) {
  Writer w(kEntryMagic);
  w.text(uri).number(entry.variant.owner).text(entry.variant.content);
  write(w, entry.vary);
  w.text(entry.vary_key);
  w.number(static_cast<uint64_t>(entry.head.status)).text(entry.head.reason);
  w.number(entry.head.fields.size());
  for (const Field& f : entry.head.fields) w.text(f.name).text(f.value);
  write(w, entry.freshness);
  w.texts(entry.tags);
  w.number(entry.body.size());
  EntryBytes out;
  out.body = entry.body.share();
  out.head = w.sealed(out.body);
  return out;
}

std::optional<Entry> read_entry(std::string_view bytes, std::string_view uri,
                                const VariantKey& variant) {
  Reader r(kEntryMagic, bytes);
  if (r.text() != uri || r.number() != variant.owner || r.text() != variant.content || !r.ok()) {
    return std::nullopt;
  }
  Entry entry;
  entry.variant = variant;
  entry.vary = vary_of(r);
  entry.vary_key = r.text();
  const uint64_t status = r.number();
  const std::string_view reason = r.text();
  const uint64_t fields = r.number();
  if (!r.ok() || status < 200 || status > 599 || fields > kMostItems) return std::nullopt;
  entry.head.status = static_cast<int>(status);
  for (uint64_t i = 0; r.ok() && i < fields; ++i) {
    std::string_view name = r.text();
    std::string_view value = r.text();
    if (r.ok()) entry.head.fields.add(name, value);
  }
  entry.head.reason = entry.head.fields.intern(reason);
  std::optional<Freshness> freshness = freshness_of(r);
  if (!freshness) return std::nullopt;
  entry.freshness = *freshness;
  entry.tags = r.texts();
  std::string_view body = r.text();
  if (!r.at_end()) return std::nullopt;
  if (!body.empty()) entry.body.append(Slice::copy_of(body));
  return entry;
}

std::string write_vary(std::string_view uri, const Vary& vary) {
  Writer w(kVaryMagic);
  w.text(uri);
  write(w, vary);
  return w.sealed();
}

std::optional<Vary> read_vary_bytes(std::string_view bytes, std::string_view uri) {
  Reader r(kVaryMagic, bytes);
  if (r.text() != uri) return std::nullopt;
  Vary vary = vary_of(r);
  if (!r.at_end()) return std::nullopt;
  return vary;
}

}  // namespace siding
