// The texts of `siding env`, one per application: what its clients read, as measured with the real
// ones. "{name}" stands for a fact that env.cc fills in; a line that is only a fact without a value
// disappears.
#pragma once

#include <string_view>

#include "proxy/tools/env.h"

namespace siding {

std::string_view env_text(Application application);

// Notes that several texts share, as facts of the same form.
extern const std::string_view kEnvPassNote;   ///< {variable}: hosts that are no [upstream]
extern const std::string_view kEnvDenyNote;   ///< the same where they are refused
extern const std::string_view kEnvHttpsNote;  ///< {https}: the variable to leave unset
extern const std::string_view kEnvSecretNote;
extern const std::string_view kEnvBaseUrlNote;    ///< before the list
extern const std::string_view kEnvBaseUrlSecret;  ///< behind it
extern const std::string_view kEnvNoUpstream;

}  // namespace siding
