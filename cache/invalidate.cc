// See invalidate.h.
#include "cache/invalidate.h"

#include <algorithm>

#include "base/text.h"
#include "cache/reference.h"

namespace siding {

std::vector<std::string> invalidated_targets(const RequestHead& request,
                                             const ResponseHead& response) {
  std::vector<std::string> targets;
  if (is_safe(request.method) || response.status < 200 || response.status > 399) return targets;
  targets.emplace_back(request.target);
  for (const Field& f : response.fields) {
    bool names_one =
        equals_ignore_case(f.name, "location") || equals_ignore_case(f.name, "content-location");
    if (!names_one) continue;
    std::optional<std::string> target = resolve_same_origin(request, f.value);
    if (target && std::find(targets.begin(), targets.end(), *target) == targets.end()) {
      targets.push_back(std::move(*target));
    }
  }
  return targets;
}

}  // namespace siding
