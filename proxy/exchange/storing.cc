// See storing.h.
#include "proxy/exchange/storing.h"

#include "base/text.h"
#include "cache/reuse.h"
#include "cache/validate.h"

namespace siding {

namespace {

std::vector<std::string> tags_of(const Fields& fields) {
  std::vector<std::string> tags;
  for (const Field& f : fields) {
    if (!equals_ignore_case(f.name, "cache-tag")) continue;
    for_each_item(f.value, [&](std::string_view tag) { tags.emplace_back(tag); });
  }
  return tags;
}

/// All that follows from the fields.
void complete(Entry& entry, const RequestHead& request, const CachePolicy& policy,
              ResponseTimes times) {
  entry.vary = read_vary(entry.head.fields);
  entry.vary_key = vary_key(entry.vary, request.fields, policy);
  entry.freshness = freshness_of(entry.head, policy, times);
  entry.tags = tags_of(entry.head.fields);
}

}  // namespace

std::shared_ptr<Entry> make_entry(const RequestHead& request, const ResponseHead& response,
                                  const VariantKey& variant, const CachePolicy& policy,
                                  ResponseTimes times) {
  auto entry = std::make_shared<Entry>();
  entry->variant = variant;
  ResponseHead head;
  head.status = response.status;
  head.reason = response.reason;
  head.fields = fields_to_store(response.fields, times.response);
  entry->head = compact(head);
  complete(*entry, request, policy, times);
  return entry;
}

std::shared_ptr<Entry> renew_entry(const Entry& old, const RequestHead& request,
                                   const ResponseHead& newer, const CachePolicy& policy,
                                   ResponseTimes times) {
  ResponseHead head = old.head;
  update_stored(head.fields, newer.fields, policy, times.response);
  auto entry = std::make_shared<Entry>();
  entry->variant = old.variant;
  entry->head = compact(head);
  complete(*entry, request, policy, times);
  entry->body = old.body.share();
  return entry;
}

bool is_momentary(const ResponseHead& response) {
  return is_stale_if_error_status(response.status) ||
         response.fields.get("siding-complete").value_or("").starts_with("?0");
}

bool passes_by_nature(StoreReason reason, const ResponseHead& response) {
  switch (reason) {
    case StoreReason::stored:
    case StoreReason::disabled:
    case StoreReason::method:
    case StoreReason::request_content:
    case StoreReason::request_no_store:
    case StoreReason::authorization: return false;
    default: return !is_momentary(response);
  }
}

StoreReason StoreWriter::begin(const RequestHead& request, const ResponseHead& response,
                               ResponseTimes times, TimePoint now) {
  StoreReason reason = may_store(request, response, owner_.policy, times).reason;
  // A POST has just made its own URI invalid.
  if (request.method == "POST") place_.epoch = caches_.epoch_of(place_.uri);
  if (reason == StoreReason::stored) {
    entry_ = make_entry(request, response, place_.variant, owner_.policy, times);
  } else if (passes_by_nature(reason, response)) {
    caches_.store.mark_pass(place_.uri, after(now, kPassFor));
  }
  return reason;
}

void StoreWriter::append(const Buffer& piece) {
  if (!entry_) return;
  entry_->body.append(piece.share());
  if (entry_->body.size() > owner_.policy.max_object || !held_.add(piece.footprint())) {
    entry_.reset();
  }
}

void StoreWriter::finish() {
  if (!entry_) return;
  entry_->body = compact(std::move(entry_->body));
  caches_.keep(place_, std::move(entry_));
}

}  // namespace siding
