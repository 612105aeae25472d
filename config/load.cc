// Loading: files and folders are read, parsed, merged, expanded, put into structs and checked (see
// load.h).
#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "config/node.h"
#include "config/reader.h"
#include "config/sections.h"
#include "config/validate.h"

namespace siding {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = 1 << 20;  // a larger file is no configuration

// The *.toml files of a folder in name order, or the path itself; none: see `reason`. As for a shell,
// "*" is no dot at the beginning: those are what editors leave.
std::vector<std::string> files_of(const std::string& path, std::string& reason) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const fs::path& file = it->path();
    const bool hidden = file.filename().string().starts_with(".");
    if (file.extension() == ".toml" && !hidden) files.push_back(file.string());
  }
  std::sort(files.begin(), files.end());
  if (error) files.clear();
  reason = error ? "cannot be read: " + error.message() : "the folder holds no *.toml file";
  return files;
}

// The file behind all links, so that one that is named twice is known.
std::string real_path(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return error ? path : real.string();
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

std::vector<std::string> config_files(const std::vector<std::string>& paths) {
  std::vector<std::string> all;
  for (const std::string& path : paths) {
    std::string none;
    const std::vector<std::string> files = files_of(path, none);
    all.insert(all.end(), files.begin(), files.end());
  }
  return all;
}

LoadedConfig load_config_files(const std::vector<std::string>& paths, const Environment& env) {
  std::vector<ConfigSource> sources;
  std::vector<Diagnostic> unreadable;
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    std::string none;
    const std::vector<std::string> files = files_of(path, none);
    if (files.empty()) unreadable.push_back({path, none});
    for (const std::string& file : files) {
      if (!seen.insert(real_path(file)).second) {
        unreadable.push_back({file, "this file is named twice; keep one"});
        continue;
      }
      ConfigSource source{file.empty() ? "\"\"" : file, ""};
      const std::string reason = read_file(file, source.text);
      if (reason.empty()) {
        sources.push_back(std::move(source));
      } else {
        unreadable.push_back({source.name, "cannot be read: " + reason});
      }
    }
  }
  if (paths.empty()) unreadable.push_back({"siding", "no configuration file was named"});
  // Without one of its parts, the rest would only be blamed for what that part may hold.
  if (!unreadable.empty()) return {nullptr, std::move(unreadable)};
  return load_config(sources, env);
}

}  // namespace siding
