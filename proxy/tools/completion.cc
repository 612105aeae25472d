// See completion.h. What is no option and no word is completed as a file.
#include "proxy/tools/completion.h"

#include <algorithm>

namespace siding {

namespace {

using Option = CommandWords::Option;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// In single quotes: what no shell looks into. `escape` is how a quote is written inside.
std::string quoted(std::string_view text, std::string_view escape) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string names_of(const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  for (const CommandWords& c : commands) names.push_back(c.name);
  return joined(names);
}

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string text =
      "# siding completion bash\n"
      "_siding() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= words=\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W '" +
      names_of(commands) +
      " --help --version' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]}\\ $before in\n";
  for (const CommandWords& c : commands) {
    for (const Option& o : c.options) {
      if (!o.takes_value) continue;
      text += "    " + c.name + "\\ " + o.name + ")\n      COMPREPLY=(";
      if (!o.values.empty()) {
        text += "$(compgen -W '" + joined(o.values) + "' -- \"$word\")";
      }
      text += ")\n      return\n      ;;\n";
    }
  }
  text += "  esac\n  case ${COMP_WORDS[1]} in\n";
  for (const CommandWords& c : commands) {
    std::vector<std::string> names;
    for (const Option& o : c.options) names.push_back(o.name);
    text +=
        "    " + c.name + ") options='" + joined(names) + "' words='" + joined(c.words) + "' ;;\n";
  }
  return text +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _siding siding\n";
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  const auto quote = [](const std::string& text) { return quoted(text, "\\'"); };
  std::string text = "# siding completion fish\n";
  for (const CommandWords& c : commands) {
    text += "complete -c siding -f -n __fish_use_subcommand -a " + c.name + " -d " +
            quote(c.about) + "\n";
    const std::string here =
        "complete -c siding -n " + quote("__fish_seen_subcommand_from " + c.name);
    for (const Option& o : c.options) {
      const bool is_long = o.name.starts_with("--");
      text += here + (is_long ? " -l " + o.name.substr(2) : " -s " + o.name.substr(1));
      if (o.takes_value) text += " -x";
      if (!o.values.empty()) text += " -a " + quote(joined(o.values));
      text += " -d " + quote(o.about) + "\n";
    }
    if (!c.words.empty()) text += here + " -a " + quote(joined(c.words)) + "\n";
  }
  return text;
}

/// In zsh's lists a colon and brackets have a meaning.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == ':' || c == '[' || c == ']') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_script(const std::vector<CommandWords>& commands) {
  const auto quote = [](const std::string& text) { return quoted(text, "'\\''"); };
  std::string text =
      "#compdef siding\n"
      "# siding completion zsh\n"
      "_siding() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const CommandWords& c : commands) {
    text += "    " + quote(zsh_text(c.name) + ":" + zsh_text(c.about)) + "\n";
  }
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n";
  for (const CommandWords& c : commands) {
    text += "    " + c.name + ")\n      _arguments";
    for (const Option& o : c.options) {
      std::string spec = o.name + "[" + zsh_text(o.about) + "]";
      if (o.takes_value) spec += ": :(" + joined(o.values) + ")";
      text += " \\\n        " + quote(spec);
    }
    if (!c.words.empty()) text += " \\\n        " + quote("1: :(" + joined(c.words) + ")");
    text += " \\\n        '*:file:_files'\n      ;;\n";
  }
  return text +
         "  esac\n"
         "}\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _siding \"$@\"; else compdef "
         "_siding siding; fi\n";
}
}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> shells{"bash", "fish", "zsh"};
  return shells;
}

std::string completion_script(std::string_view shell, const std::vector<CommandWords>& commands) {
  if (shell == "fish") return fish_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  return bash_script(commands);
}

}  // namespace siding
