// See restart_only.h.
#include "proxy/server/restart_only.h"

#include <string_view>

#include "proxy/server/limits.h"

namespace siding {

std::string restart_only(const Config& started, const Config& next) {
  std::string names;
  auto add = [&](bool differs, std::string_view name) {
    if (!differs) return;
    if (!names.empty()) names += ", ";
    names += name;
  };
  add(thread_count(next) != thread_count(started), "threads");
  add(next.limits.spill_dir != started.limits.spill_dir, "[limits] spill_dir");
  add(next.log.access != started.log.access, "[log] access");
  add(next.admin.ring != started.admin.ring, "[admin] ring");
  return names;
}

}  // namespace siding
