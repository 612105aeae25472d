// See config_watch.h.
#include "proxy/tools/config_watch.h"

#include "config/load.h"

namespace siding {

ConfigWatch::ConfigWatch(std::vector<std::string> paths) : paths_(std::move(paths)) { note(); }

ConfigWatch::State ConfigWatch::state() const {
  State all;
  for (std::string& file : config_files(paths_)) {
    std::optional<FileStamp> stamp = stamp_of(file);
    all.emplace_back(std::move(file), stamp);
  }
  return all;
}

void ConfigWatch::note() { known_ = seen_ = state(); }

bool ConfigWatch::look() {
  State now = state();
  const bool still = now == seen_;
  seen_ = std::move(now);
  if (!still || seen_ == known_) return false;
  known_ = seen_;
  return true;
}

}  // namespace siding
