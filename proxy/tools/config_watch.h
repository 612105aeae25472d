// Tells when the files of a configuration have changed: by writing, by replacing, or by a link on the way to
// them, as Kubernetes swaps one when a ConfigMap changes.
// Invariant: a change is told once, and not before nothing has moved for one look: half a file is no
// configuration.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/secret_file.h"

namespace siding {

class ConfigWatch {
 public:
  /// Files and folders, as the command line names them. Blocks on them, as look() does.
  explicit ConfigWatch(std::vector<std::string> paths);
  /// To be called at an even pace. True: what they hold now is another than when it was told last.
  bool look();
  /// What is there now is known.
  void note();

 private:
  using State = std::vector<std::pair<std::string, std::optional<FileStamp>>>;
  State state() const;

  std::vector<std::string> paths_;
  State known_;
  State seen_;  // at the last look
};

}  // namespace siding
