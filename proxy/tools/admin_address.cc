// See admin_address.h.
#include "proxy/tools/admin_address.h"

#include <cstdio>

#include "proxy/tools/config_source.h"

namespace siding {

std::optional<std::string> admin_address(std::string_view command, const std::string& admin,
                                         const std::vector<std::string>& files) {
  if (!admin.empty()) return admin;
  const std::string name(command);
  if (files.empty()) {
    std::fprintf(stderr,
                 "siding %s: which siding? Name its configuration file, or its [admin] "
                 "listen: --admin 127.0.0.1:8082\n",
                 name.c_str());
    return std::nullopt;
  }
  const ConfigRef config = load_or_complain(files);
  if (config == nullptr) return std::nullopt;
  if (config->admin.listen.empty()) {
    std::fprintf(stderr,
                 "siding %s: %s has no [admin] door. Add this, and start siding anew:\n\n"
                 "[admin]\nlisten = [\"127.0.0.1:8082\"]\n",
                 name.c_str(), files.front().c_str());
    return std::nullopt;
  }
  return config->admin.listen.front().text();
}

}  // namespace siding
