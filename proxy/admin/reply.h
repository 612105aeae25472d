// How the doors answer: one whole response, never stored by anybody.
#pragma once

#include <string_view>

#include "proxy/downstream/stream.h"

namespace siding {

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

/// Sends status, type and body; for HEAD the stream leaves the body out. `allow`: of a 405.
void send_reply(Stream& stream, int status, std::string_view body,
                std::string_view content_type = kPlainText, std::string_view allow = {});
/// Whether Accept names JSON: "*/*", which everybody sends, gets text.
bool wants_json(const Fields& request);

}  // namespace siding
