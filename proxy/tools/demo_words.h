// What the demo's clients ask for and what they must get back, said in one place for the upstream,
// the backend and the check of the answers.
// Invariant: an answer holds its own query, so an answer given to another client is noticed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace siding {

/// The word of request `index`, different for each: "word-1".
std::string demo_word(size_t index);
/// "/search/?q=word-1"
std::string demo_target(std::string_view word);
/// What the upstream answers to "/s?word=...": {"word":"word-1","song":"The word-1 blues"}
std::string demo_song(std::string_view word);
/// What the backend makes of it: {"q":"word-1","result":{...}}. `song` is JSON already.
std::string demo_page(std::string_view word, std::string_view song);

}  // namespace siding
