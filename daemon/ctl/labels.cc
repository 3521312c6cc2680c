// Labels to a labelling service or a spreadsheet and back: every region of a model as a row, and rows with labels as
// words of the person whose token it is. The majority of several people's words counts (core/regions/votes.h).
#include <fmt/format.h>

#include <algorithm>

#include "core/base/files.h"
#include "core/base/url.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/csv.h"

namespace defuse::ctl {
namespace {

constexpr std::uint64_t kMaxFile = 64ULL << 20;
const CsvRow kHead{"region",       "label",         "note",         "class",   "predicted_as", "status",
                   "images_wrong", "first_version", "last_version", "picture", "what"};

std::string field(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

Result<std::vector<Json>> all_regions(const Remote& remote, const std::string& model) {
  std::vector<Json> regions;
  std::string before;
  do {
    TRY(page, remote.get(model_path(model) + "/regions?limit=1000" +
                         (before.empty() ? "" : "&before=" + percent_encode(before))));
    const auto rows = page.find("regions");
    if (rows == page.end() || !rows->is_array()) return fail(ErrorCode::unavailable, "the daemon sent no regions");
    for (const auto& row : *rows) regions.push_back(row);
    before = field(page, "next");
  } while (!before.empty());
  return regions;
}

std::string address_of(const Url& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}{}", url.tls ? "https" : "http", v6 ? "[" + url.host + "]" : url.host, url.port,
                     url.prefix);
}

CsvRow row_of(const Remote& remote, const Json& region) {
  const auto id = field(region, "id");
  const bool pictured = region.contains("samples") && region["samples"].is_number() && region["samples"] > 0;
  return {id,
          field(region, "human_label"),
          "",
          field(region, "label"),
          field(region, "predicted_as"),
          field(region, "status"),
          field(region, "candidate_error"),
          field(region, "first_version"),
          field(region, "last_version"),
          pictured ? address_of(remote.url()) + "/v1/regions/" + id + "/samples/0.png" : "",
          field(region, "sentence")};
}

struct Word {
  std::string region, label, note;
};

Result<std::vector<Word>> words_of_csv(const std::string& text) {
  TRY(rows, parse_csv(text));
  if (rows.empty()) return fail(ErrorCode::invalid_input, "the file is empty");
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin());
  };
  const auto region = column("region"), label = column("label"), note = column("note");
  if (region == rows[0].size() || label == rows[0].size())
    return fail(ErrorCode::invalid_input, "the first line wants the columns region and label");
  std::vector<Word> words;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto value = [&](std::size_t at) { return at < rows[i].size() ? rows[i][at] : std::string(); };
    words.push_back({value(region), value(label), value(note)});
  }
  return words;
}

Result<std::vector<Word>> words_of_json(const std::string& text, const std::string& name) {
  TRY(json, parse_json(text, name));
  const auto list = json.is_object() ? json.find("labels") : json.end();
  if (list == json.end() || !list->is_array()) return fail(ErrorCode::invalid_input, name + ": no list `labels`");
  std::vector<Word> words;
  for (const auto& row : *list) {
    if (!row.is_object() || field(row, "region").empty())
      return fail(ErrorCode::invalid_input, name + ": every entry wants a `region`");
    words.push_back({field(row, "region"), field(row, "label"), field(row, "note")});
  }
  return words;
}

}  // namespace

int export_labels(const Remote& remote, Console& console, const LabelFile& wanted) {
  const auto regions = all_regions(remote, wanted.model);
  if (!regions) return console.failed(regions.error());
  std::string text;
  if (wanted.format == "json") {
    Json list = Json::array();
    for (const auto& region : *regions) {
      const auto row = row_of(remote, region);
      Json entry = Json::object();
      for (std::size_t i = 0; i < kHead.size(); ++i) entry[kHead[i]] = row[i];
      list.push_back(std::move(entry));
    }
    text = dump_json(Json{{"model", wanted.model}, {"labels", std::move(list)}}, 2) + "\n";
  } else {
    text = csv_line(kHead);
    for (const auto& region : *regions) text += csv_line(row_of(remote, region));
  }
  if (wanted.file.empty()) {
    console.raw(text);
    return kPass;
  }
  if (const auto written = write_atomically(wanted.file, text); !written) return console.failed(written.error());
  console.say(fmt::format("wrote {} regions to {}", regions->size(), wanted.file.string()));
  return kPass;
}

// Rows without a label say nothing and are passed over; "none" takes a word back. The first refusal ends it, and says
// how far it came: the rest can be sent again, since the same word twice is one vote.
int import_labels(const Remote& remote, Console& console, const std::filesystem::path& file) {
  const auto text = read_file(file, kMaxFile);
  if (!text) return console.failed({ErrorCode::invalid_input, text.error().message, {}});
  const auto words = file.extension() == ".json" ? words_of_json(*text, file.string()) : words_of_csv(*text);
  if (!words) return console.failed({words.error().code, file.string() + ": " + words.error().message, {}});
  std::size_t said = 0;
  for (const auto& word : *words) {
    if (word.label.empty()) continue;
    const auto answer = remote.act("PUT", "/v1/regions/" + percent_encode(word.region) + "/label",
                                   {{"label", word.label == "none" ? "" : word.label}, {"note", word.note}});
    if (!answer) {
      console.say(fmt::format("{} labels were taken before this one: {} {}", said, word.region, word.label));
      return console.failed(answer.error());
    }
    ++said;
  }
  console.line(fmt::format("{} labels were taken, {} rows had none", said, words->size() - said));
  return kPass;
}

}  // namespace defuse::ctl
