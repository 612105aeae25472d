// Loading: files and folders are read, parsed, merged, expanded, put into structs and checked (see
// load.h).
#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/node.h"
#include "config/reader.h"
#include "config/sections.h"
#include "config/validate.h"

namespace siding {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = 1 << 20;  // a larger file is no configuration

// The *.toml files of a folder in name order, or the path itself.
std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".toml") files.push_back(it->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "" on success, else the reason.
std::string read_file(const std::string& path, std::string& text) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  text.resize(kMaxFile + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (!file.eof() && text.size() <= kMaxFile) return std::strerror(errno == 0 ? EIO : errno);
  if (text.size() > kMaxFile) return "it is larger than " + format_size(kMaxFile);
  return "";
}

}  // namespace

LoadedConfig load_config(const std::vector<ConfigSource>& sources, const Environment& env) {
  Faults faults;
  Node root;
  for (const ConfigSource& source : sources) {
    const size_t file = faults.add_file(source.name);
    Node tree = read_toml(source, file, faults);
    if (file == 0) root.place = tree.place;
    merge(root, std::move(tree), faults);
  }
  expand_environment(root, env, faults);
  expand_short_forms(root);

  auto config = std::make_shared<Config>();
  Reader reader(root, "", faults);
  options(reader, *config);
  reader.finish();
  validate(*config, root, faults);

  LoadedConfig loaded;
  if (!faults.any_error()) loaded.config = std::move(config);
  loaded.diagnostics = faults.take();
  return loaded;
}

LoadedConfig load_config_files(const std::vector<std::string>& paths, const Environment& env) {
  std::vector<ConfigSource> sources;
  std::vector<Diagnostic> unreadable;
  for (const std::string& path : paths) {
    const std::vector<std::string> files = files_of(path);
    if (files.empty()) unreadable.push_back({path, "the folder holds no *.toml file"});
    for (const std::string& file : files) {
      ConfigSource source{file, ""};
      const std::string reason = read_file(file, source.text);
      if (reason.empty()) {
        sources.push_back(std::move(source));
      } else {
        unreadable.push_back({file, "cannot be read: " + reason});
      }
    }
  }
  if (paths.empty()) unreadable.push_back({"siding", "no configuration file was named"});
  // Without one of its parts, the rest would only be blamed for what that part may hold.
  if (!unreadable.empty()) return {nullptr, std::move(unreadable)};
  return load_config(sources, env);
}

}  // namespace siding
