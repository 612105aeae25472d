// Names of services, whose SRV records (RFC 2782) tell hosts and ports: "_http._tcp.search.example" is
// the service `http` by `tcp` of search.example.
#pragma once

#include <cstddef>
#include <string_view>

namespace siding {

/// What a service's name is about, as it was written: "search.example" of "_http._tcp.search.example".
/// Empty for every other name.
constexpr std::string_view service_domain(std::string_view name) {
  for (int labels = 0; labels < 2; ++labels) {
    const size_t dot = name.find('.');
    if (!name.starts_with('_') || dot < 2 || dot == std::string_view::npos) return {};
    name.remove_prefix(dot + 1);
  }
  return name;
}

}  // namespace siding
