// See merge.h.
#include "proxy/exchange/merge.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "http/json_string.h"
#include "http/utf8.h"

namespace siding {

namespace {
/// Text goes to `out`, and JSON, behind it, as it is.
void append_member(std::string& out, Buffer& whole, const LegAnswer& leg) {
  if (leg.body == nullptr || leg.body->size() == 0) {
    out += "null";
    return;
  }
  const std::string_view text = leg.body->view();
  if (leg.is_json) {
    whole.append_copy(out);
    out.clear();
    whole.append(*leg.body);
  } else if (is_utf8(text)) {
    append_json(out, text);
  } else {
    out += "{\"type\":";
    append_json(out, leg.content_type);
    out += ",\"base64\":\"";
    out += base64_encode(text);
    out += "\"}";
  }
}
}  // namespace

Buffer merge_object(const std::vector<LegAnswer>& legs) {
  Buffer whole;
  std::string text = "{";
  for (const LegAnswer& leg : legs) {
    if (&leg != &legs.front()) text += ',';
    append_json(text, leg.name);
    text += ':';
    append_member(text, whole, leg);
  }
  text += '}';
  whole.append_copy(text);
  return whole;
}

Buffer merge_concat(const MergeConfig& merge, const std::vector<LegAnswer>& legs) {
  std::vector<std::vector<std::string_view>> lists;
  size_t longest = 0;
  for (const LegAnswer& leg : legs) {
    if (leg.json == nullptr) continue;
    auto items = leg.json->items(merge.at);
    if (!items) continue;
    longest = std::max(longest, items->size());
    lists.push_back(std::move(*items));
  }
  std::vector<std::string_view> all;
  if (merge.interleave) {
    for (size_t i = 0; i < longest; ++i) {
      for (const auto& list : lists) {
        if (i < list.size()) all.push_back(list[i]);
      }
    }
  } else {
    for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  }
  if (merge.limit != 0 && all.size() > merge.limit) all.resize(merge.limit);

  std::string out;
  const std::vector<std::string> tokens = pointer_tokens(merge.at);
  for (const std::string& token : tokens) {
    out += '{';
    append_json(out, token);
    out += ':';
  }
  out += '[';
  for (size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out += ',';
    out += all[i];
  }
  out += ']';
  out.append(tokens.size(), '}');
  Buffer whole;
  whole.append_copy(out);
  return whole;
}

}  // namespace siding
