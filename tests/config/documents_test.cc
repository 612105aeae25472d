// The documents: every TOML block in them is a configuration that loads, without a warning, as are the files
// of docker/; every line of environment is one that `siding env` prints.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/config/loading.h"
#include "tests/harness/folder.h"
#include "tests/harness/tls_end.h"

namespace siding::config_test {
namespace {

/// A block with as many empty lines before it as the document has, so that the place of a fault is
/// the one in the document.
std::vector<ConfigSource> toml_blocks(const std::string& document) {
  std::ifstream file(SIDING_SOURCE_DIR "/" + document);
  EXPECT_TRUE(file.good()) << document << " cannot be read";
  std::vector<ConfigSource> blocks;
  std::string before;
  bool inside = false;
  for (std::string line; std::getline(file, line); before += '\n') {
    const size_t begin = line.find_first_not_of(' ');
    const std::string text = begin == std::string::npos ? "" : line.substr(begin);
    if (inside && text.starts_with("```")) {
      inside = false;
    } else if (inside) {
      blocks.back().text += line + '\n';
    } else if (text.starts_with("```toml")) {
      inside = true;
      blocks.push_back({document, before + '\n'});
    }
  }
  EXPECT_FALSE(inside) << document << ": the last block is not closed";
  return blocks;
}

/// Files of the repository below `folder` with that ending, by their paths in it.
std::vector<std::string> files(const std::string& folder, std::string_view ending) {
  const std::filesystem::path root(SIDING_SOURCE_DIR);
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
    if (entry.path().extension() != ending) continue;
    found.push_back(std::filesystem::relative(entry.path(), root).string());
  }
  return found;
}

std::vector<std::string> documents() {
  std::vector<std::string> all{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"};
  for (const char* folder : {"docs", "docker"}) {
    for (std::string& file : files(folder, ".md")) all.push_back(std::move(file));
  }
  return all;
}

std::string text_of(const std::string& file) {
  std::ifstream in(SIDING_SOURCE_DIR "/" + file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The certificates and secrets of the documents are those of a folder.
struct Files : test::Folder {
  Files() {
    const test::TlsIdentity identity("shop.example");
    for (const char* name : {"tls", "other"}) {
      write(name + std::string(".crt"), identity.certificate_pem());
      write(name + std::string(".key"), identity.key_pem());
    }
    write("clients.pem", identity.authority_pem());
    write("music-key", "secret");
  }
  void put_into(std::string& text) const {
    for (const std::string_view place : {"/etc/siding/", "/run/secrets/siding/"}) {
      for (size_t at = 0; (at = text.find(place, at)) != std::string::npos;) {
        text.replace(at, place.size(), path() + "/");
      }
    }
  }
};

/// Whatever a block asks for is set.
std::optional<std::string> any_variable(std::string_view) { return "1"; }

TEST(ConfigDocuments, EveryTomlBlockLoads) {
  const Files folder;
  size_t found = 0;
  for (const std::string& document : documents()) {
    for (ConfigSource& block : toml_blocks(document)) {
      folder.put_into(block.text);
      ++found;
      EXPECT_EQ(said(load_config({block}, any_variable)), "");
    }
  }
  EXPECT_GT(found, 10u);
}

TEST(ConfigDocuments, EveryFileOfDockerLoads) {
  const Files folder;
  const std::vector<std::string> all = files("docker", ".toml");
  EXPECT_EQ(all.size(), 2u);
  for (const std::string& file : all) {
    ConfigSource source{file, text_of(file)};
    folder.put_into(source.text);
    EXPECT_EQ(said(load_config({source}, any_variable)), "");
  }
}

TEST(ConfigDocuments, LinesOfEnvironmentAreThoseThatSidingPrints) {
  std::string printed;
  for (const std::string& file : files("tests/proxy/tools/golden", ".txt")) {
    printed += text_of(file);
  }
  size_t found = 0;
  for (const std::string& document : documents()) {
    std::istringstream lines(text_of(document));
    for (std::string line; std::getline(lines, line);) {
      const bool environment = line.starts_with("export http_proxy=") ||
                               line.starts_with("export no_proxy=") || line.starts_with("env[") ||
                               line.starts_with("export JAVA_TOOL_OPTIONS=");
      if (!environment) continue;
      ++found;
      line.resize(std::min(line.find("   "), line.size()));
      EXPECT_NE(printed.find(line + "\n"), std::string::npos) << document << ": " << line;
    }
  }
  EXPECT_GT(found, 5u);
  // Those of the manifests and of compose have names and values in places of their own.
  const std::string direct = "169.254.169.254,169.254.170.2,fd00:ec2::254,metadata.google.internal";
  EXPECT_NE(printed.find("value: \"" + direct + "\""), std::string::npos);
  for (const char* file : {"docker/compose.yaml", "docker/kubernetes/base/deployment.yaml"}) {
    const std::string text = text_of(file);
    EXPECT_NE(text.find("http://127.0.0.1:8081\n"), std::string::npos) << file;
    EXPECT_NE(text.find(direct + "\n"), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace siding::config_test
