// A secret that lies in a file: its value, or why there is none.
// Invariants: a value is never empty and may stand in a header field; no message shows it. Reading
// blocks, but for the length of a small regular file only: a pipe or a device is refused unread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace siding {

/// What differs after a file was written, replaced, or after a link on the way to it was.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};

/// nullopt: there is no such file.
std::optional<FileStamp> stamp_of(const std::string& path);

struct SecretFile {
  std::string value;
  std::string fault;  ///< if there is no value: "`/run/secrets/music` is empty"
  FileStamp stamp;    ///< of what was read
};

SecretFile read_secret_file(const std::string& path);

}  // namespace siding
