// Which route a request takes: the first one, in file order, that matches.
// Invariant: a path that two readers could take for two routes has none (400).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "http/message.h"

namespace siding {

class Router {
 public:
  explicit Router(const Config& config) : config_(config) {}

  struct Match {
    const RouteConfig* route = nullptr;  ///< null: none matches
    PathCaptures captures;
    std::string_view fault;  ///< why the path is refused; then there is no route
  };
  Match match(const RequestHead& head) const;

 private:
  const RouteConfig* first(const RequestHead& head, std::string_view path,
                           PathCaptures* captures) const;
  const Config& config_;
};

}  // namespace siding
