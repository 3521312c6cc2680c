// Verbs that need no daemon: configuration, data sets, tokens.
#include <map>

#include "config/config.h"
#include "core/data/dataset.h"
#include "core/store/store.h"
#include "daemon/ctl/commands.h"
#include "daemon/local/temp_folder.h"
#include "daemon/state/judge.h"
#include "daemon/state/tokens.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

// Whatever is wrong with a configuration, or with what it names, is the caller's to repair.
int usage(Console& console, const Error& error) {
  console.say("defusectl: " + error.describe());
  return kUsage;
}

Json describe(const Dataset& data) {
  std::map<std::int32_t, std::int64_t> counts;
  for (const auto label : data.labels()) ++counts[label];
  Json classes = Json::array();
  for (const auto& [label, images] : counts) {
    const auto index = static_cast<std::size_t>(label);
    classes.push_back({{"label", label},
                       {"name", index < data.class_names().size() ? Json(data.class_names()[index]) : Json()},
                       {"images", images}});
  }
  const auto& shape = data.shape();
  return {{"images", data.size()},
          {"shape", {shape.channels, shape.height, shape.width}},
          {"digest", data.digest()},
          {"classes", std::move(classes)}};
}

Result<fs::path> state_of(const TokenPlace& place) {
  if (!place.state_dir.empty()) return fs::path(place.state_dir);
  if (place.config.empty())
    return fail(ErrorCode::invalid_input, "say where the daemon's state is: --config FILE or --state-dir DIR");
  TRY(config, load_config(place.config));
  return config.state_dir;
}

Result<std::optional<TimePoint>> expiry_of(const std::string& text, const Clock& clock) {
  if (text.empty()) return std::optional<TimePoint>();
  if (const auto at = parse_rfc3339(text)) return std::optional(*at);
  const auto span = parse_span(text);
  if (!span)
    return fail(ErrorCode::invalid_input,
                "--expires: '" + text + "' is neither a time span (90d) nor a date (2027-03-01)");
  return std::optional<TimePoint>(clock.now() + *span);
}

}  // namespace

int config_check(Console& console, const fs::path& file) {
  const auto config = load_config(file);
  if (!config) return usage(console, config.error());
  if (console.json)
    console.print(to_json(*config));
  else
    console.line(file.string() + ": fine, " + std::to_string(config->models.size()) +
                 (config->models.size() == 1 ? " model" : " models"));
  return kPass;
}

int dataset_inspect(Console& console, const fs::path& file, const std::string& model) {
  const auto config = load_config(file);
  if (!config) return usage(console, config.error());
  const auto settings = config->models.find(model);
  if (settings == config->models.end())
    return usage(console, {ErrorCode::invalid_input, file.string() + " has no model " + model, {}});
  // Packed files are unpacked somewhere; the daemon's own cache may not be ours to write to.
  const auto scratch = local::TempFolder::create();
  if (!scratch) return console.failed(scratch.error());
  Json both = Json::object();
  const auto& data = settings->second.data;
  for (const auto& [name, source] : {std::pair{"train", &data.train}, std::pair{"test", &data.test}}) {
    const auto split = open_dataset(*source, settings->second.input, settings->second.classes, scratch->path());
    if (!split) return usage(console, split.error().with(std::string("while reading the ") + name + " split"));
    both[name] = describe(*split);
  }
  if (console.json) {
    console.print(both);
    return kPass;
  }
  for (const auto& [name, split] : both.items()) {
    console.line(name + ": " + dump_json(split["images"]) + " images of shape " + dump_json(split["shape"]) +
                 ", digest " + split["digest"].get<std::string>().substr(0, 12));
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : split["classes"])
      rows.push_back({dump_json(item["label"]), item["name"].is_string() ? item["name"].get<std::string>() : "",
                      dump_json(item["images"])});
    console.table({"LABEL", "NAME", "IMAGES"}, rows);
  }
  return kPass;
}

int token_create(Console& console, const TokenPlace& place, const std::string& name, const std::string& scope,
                 const std::string& expires, const Clock& clock) {
  const auto state = state_of(place);
  if (!state) return usage(console, state.error());
  const auto wanted = scope_from(scope);
  if (!wanted) return usage(console, wanted.error());
  const auto until = expiry_of(expires, clock);
  if (!until) return usage(console, until.error());
  const auto token = create_token(*state, name, *wanted, clock, *until);
  if (!token) return usage(console, token.error());
  if (console.json)
    console.print({{"name", name},
                   {"scope", scope},
                   {"expires", *until ? Json(to_rfc3339(**until)) : Json()},
                   {"token", *token}});
  else
    console.line(*token);
  console.say("this token is shown once; the daemon keeps only its hash");
  return kPass;
}

int token_list(Console& console, const TokenPlace& place, const Clock& clock) {
  const auto state = state_of(place);
  if (!state) return usage(console, state.error());
  const auto tokens = list_tokens(*state);
  if (!tokens) return usage(console, tokens.error());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& token : *tokens) {
    const bool expired = token.expired(clock.now());
    list.push_back({{"name", token.name},
                    {"scope", to_string(token.scope)},
                    {"created", to_rfc3339(token.created)},
                    {"expires", token.expires ? Json(to_rfc3339(*token.expires)) : Json()},
                    {"expired", expired}});
    rows.push_back({token.name, std::string(to_string(token.scope)), to_rfc3339(token.created),
                    (token.expires ? to_rfc3339(*token.expires) : "never") + (expired ? " (expired)" : "")});
  }
  if (console.json)
    console.print({{"tokens", std::move(list)}});
  else
    console.table({"NAME", "SCOPE", "CREATED", "EXPIRES"}, rows);
  return kPass;
}

int token_revoke(Console& console, const TokenPlace& place, const std::string& name) {
  const auto state = state_of(place);
  if (!state) return usage(console, state.error());
  if (const auto gone = revoke_token(*state, name); !gone) return usage(console, gone.error());
  if (console.json) console.print({{"name", name}, {"revoked", true}});
  console.say("token " + name + " is revoked");
  return kPass;
}

// Reads beside a running daemon as well. Exit 1, not 4, for a log that does not fit: the question was answered.
int audit_verify(Console& console, const TokenPlace& place, const Clock& clock) {
  const auto state = state_of(place);
  if (!state) return usage(console, state.error());
  const auto file = StateFolder{*state}.database();
  const auto store = Store::open(file, Store::Mode::read_only, clock);
  if (!store) return usage(console, store.error());
  const auto fits = (*store)->audit.verify();
  if (!fits && fits.error().code != ErrorCode::corrupt) return console.failed(fits.error());
  const auto newest = (*store)->audit.rows(0, 1);
  if (!newest) return console.failed(newest.error());
  const auto rows = newest->empty() ? 0 : newest->front().id;
  const auto hash = newest->empty() ? std::string() : newest->front().hash;
  if (console.json)
    console.print({{"ok", fits.has_value()},
                   {"rows", rows},
                   {"newest", hash},
                   {"problem", fits ? Json() : Json(fits.error().message)}});
  else if (fits)
    console.line(std::to_string(rows) + " rows, each fits the one before; the newest hash is " + hash);
  if (!fits) console.say("defusectl: " + fits.error().describe());
  return fits ? kPass : kFail;
}

}  // namespace defuse::ctl
