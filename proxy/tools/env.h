// What an application has to be told so that its outgoing http:// calls go through siding's egress
// listener, for each kind of application in its own words.
// Invariant: pure; says nothing that does not hold (no tunnel is carried, and it says so), and never
// prints a secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace siding {

enum class Application : uint8_t { python, php_fpm, ruby, java, node, k8s };

std::optional<Application> application_named(std::string_view name);
/// "python", "php-fpm", ...: all that application_named() knows.
std::vector<std::string> application_names();

/// The lines, or nullopt if the configuration has no egress listener that an application could reach.
std::optional<std::string> environment_lines(const Config& config, Application application);

}  // namespace siding
