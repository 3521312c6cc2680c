// gate-bench: the planted-regression benchmark of the gate. Makes pairs with known truth and appends one JSON row for
// each; a row that the file already holds is not made again. `./dev bench gate` calls it and makes tables of the rows.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/evidence/predictions.h"
#include "core/torch/model.h"
#include "tests/bench/gate/column.h"
#include "tests/bench/gate/pairs.h"
#include "tests/bench/gate/parts.h"
#include "tests/bench/gate/rows.h"
#include "tests/bench/gate/verify.h"

namespace defuse::bench {
namespace {
namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: gate-bench --source synthetic|digits|mnist --pool tuning|final --kinds "
    "null,logic,unseen,training,beyond,reopened\n"
    "                  [--pairs K] [--work DIR] [--rows FILE] [--threads T] [--bootstraps N] [--dear-pairs K]\n"
    "                  [--columns all|gate,regions,known_regions,parts,rivals,<name>...]\n"
    "       gate-bench models --source ... --pool ...   trains the pool's models and says how good they are\n"
    "       gate-bench verify --source ... --pool ...   composed answers against evaluated ones, field by field\n"
    "--pairs: per kind (logic, unseen: per mass band); without it the number the specification asks for.\n"
    "--bootstraps: searches again on so many bootstraps of the seeds, for the first few pairs planted by logic.\n"
    "--dear-pairs: columns that cost as much as a gate or more (parts, published searches) for the first K pairs "
    "only, for none of kind unseen.\n";

constexpr int kBootstrapped = 4;  // pairs of each band whose stability is measured: it costs a search per bootstrap

struct Options {
  std::string command = "run";
  std::string source, pool = "tuning";
  std::vector<std::string> kinds = {"null", "logic"};
  std::set<std::string> columns;
  std::optional<int> pairs;
  fs::path work = "build/gate-bench";
  fs::path rows;
  int threads = 1;
  int bootstraps = 0;
  std::optional<int> dear_pairs;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

Result<int> number_of(const std::string& option, const std::string& text) {
  int value = 0;
  std::istringstream in(text);
  if (!(in >> value) || !in.eof() || value < 0) return fail(ErrorCode::invalid_input, option + " needs a number");
  return value;
}

Result<Options> read_options(const std::vector<std::string>& arguments) {
  Options options;
  std::size_t at = 0;
  if (!arguments.empty() && (arguments[0] == "models" || arguments[0] == "verify")) options.command = arguments[at++];
  for (; at + 1 < arguments.size(); at += 2) {
    const auto& name = arguments[at];
    const auto& value = arguments[at + 1];
    if (name == "--source") {
      options.source = value;
    } else if (name == "--pool") {
      options.pool = value;
    } else if (name == "--kinds") {
      options.kinds = split(value);
    } else if (name == "--pairs") {
      TRY(pairs, number_of(name, value));
      options.pairs = pairs;
    } else if (name == "--work") {
      options.work = value;
    } else if (name == "--rows") {
      options.rows = value;
    } else if (name == "--threads") {
      TRY(threads, number_of(name, value));
      options.threads = threads;
    } else if (name == "--columns") {
      std::set<std::string> rivals;
      for (const auto& column : rival_columns()) rivals.insert(column.name);
      TRY(columns, choose_columns(value, rivals));
      options.columns = std::move(columns);
    } else if (name == "--dear-pairs") {
      TRY(dear, number_of(name, value));
      options.dear_pairs = dear;
    } else if (name == "--bootstraps") {
      TRY(bootstraps, number_of(name, value));
      options.bootstraps = bootstraps;
    } else {
      return fail(ErrorCode::invalid_input, "no such option: " + name);
    }
  }
  if (at != arguments.size() || options.source.empty() || (options.pool != "tuning" && options.pool != "final"))
    return fail(ErrorCode::invalid_input, "the options do not fit");
  if (options.rows.empty()) options.rows = options.work / ("rows-" + options.pool + ".jsonl");
  return options;
}

bool has_bands(const std::string& kind) { return kind == "logic" || kind == "unseen"; }

// Pairs of one kind (where there are mass bands: of one band) that the specification asks for.
int usual_pairs(const std::string& kind, const std::string& source, const std::string& pool) {
  const bool final = pool == "final";
  if (kind == "null") return final ? 66 : 24;
  if (kind == "logic") return final ? 40 : 20;
  if (kind == "unseen") return final ? 20 : 10;
  if (kind == "training") return (final ? 12 : 6) / (source == "mnist" ? 2 : 1);
  if (kind == "beyond") return 12;
  return final ? 20 : 10;
}

class Run {
 public:
  Run(const Options& options, Bench bench, std::set<std::string> done)
      : options_(options), bench_(std::move(bench)), done_(std::move(done)), cheap_columns_(cheap(options.columns)) {}

  Result<void> all() {
    for (const auto& kind : options_.kinds) {
      if (!has_bands(kind)) {
        TRY_OK(of_kind(kind, nullptr));
        continue;
      }
      for (const auto& band : kBands) TRY_OK(of_kind(kind, &band));
    }
    return {};
  }

 private:
  Result<void> of_kind(const std::string& kind, const Band* band) {
    int count = options_.pairs.value_or(usual_pairs(kind, bench_.source.name, bench_.pool));
    if (const int most = most_pairs(bench_, kind); most > 0) count = std::min(count, most);
    for (int number = 0; number < count; ++number) {
      const auto id = pair_id(bench_, kind, band != nullptr ? band->name : "", number);
      if (done_.count(id) != 0) continue;
      TRY(pair, while_doing("while making pair " + id, make(kind, band, number)));
      const int bootstraps = kind == "logic" && number < kBootstrapped ? options_.bootstraps : 0;
      const bool dear = !options_.dear_pairs || (kind != "unseen" && number < *options_.dear_pairs);
      const auto& columns = dear ? options_.columns : cheap_columns_;
      TRY(row, while_doing("while judging pair " + id, judge_row(pair, {columns, bootstraps})));
      TRY_OK(append_row(options_.rows, row));
      std::cerr << id << " " << row["seconds"] << " s";
      for (const auto& [name, column] : row["columns"].items())
        std::cerr << "  " << name << (column["blocked"].get<bool>() ? " BLOCKED" : " -") << " " << column["score"];
      std::cerr << '\n';
    }
    return {};
  }

  Result<Pair> make(const std::string& kind, const Band* band, int number) {
    if (kind == "null") return null_pair(bench_, number);
    if (has_bands(kind)) return logic_pair(bench_, kind, *band, number);
    if (kind == "training") return training_pair(bench_, number);
    if (kind == "beyond") return beyond_pair(bench_, reduced_, number);
    if (kind == "reopened") return reopened_pair(bench_, number);
    return fail(ErrorCode::invalid_input, "no such kind of pair: " + kind);
  }

  const Options& options_;
  Bench bench_;
  Reduced reduced_;
  std::set<std::string> done_;
  std::set<std::string> cheap_columns_;
};

Result<std::vector<bool>> right_answers(const Source& source, const ModelFile& model) {
  TRY(loaded, TorchModel::load(model.path, source.input, {}));
  TRY(output, loaded.run(source.test.images, source.test.size(), /*want_embeddings=*/false));
  std::vector<bool> right;
  for (std::size_t i = 0; i < source.test.size(); ++i)
    right.push_back(predicted_class(output.logits.row(i)) == source.test.labels[i]);
  return right;
}

// How good the pool's models are, and how many answers on the test split each breaks and repairs against the one before
// it.
Result<void> describe_pool(const Source& source, const ModelPool& models) {
  std::vector<bool> earlier;
  for (const auto* group : {&models.regular, &models.weak})
    for (const auto& model : *group) {
      TRY(right, right_answers(source, model));
      std::size_t good = 0, broken = 0, repaired = 0;
      for (std::size_t i = 0; i < right.size(); ++i) {
        good += right[i];
        if (earlier.empty()) continue;
        broken += earlier[i] && !right[i];
        repaired += !earlier[i] && right[i];
      }
      const auto percent = [&](std::size_t n) {
        return 100 * static_cast<double>(n) / static_cast<double>(right.size());
      };
      std::cout << model.name << ": accuracy " << percent(good) << " %, breaks " << percent(broken) << " %, repairs "
                << percent(repaired) << " %\n";
      earlier = right;
    }
  return {};
}

Result<void> run(const Options& options) {
  TRY_OK(make_folder(options.work));
  if (options.command == "models") {
    TRY(source, open_source(options.source, options.work));
    TRY(models, train_pool(source, options.pool));
    return describe_pool(source, models);
  }
  TRY(bench, open_bench(options.source, options.pool, options.work, options.threads));
  if (options.command == "verify") return verify(bench);
  TRY(done, judged_pairs(options.rows));
  return Run(options, std::move(bench), std::move(done)).all();
}

}  // namespace
}  // namespace defuse::bench

int main(int argc, char** argv) {
  using namespace defuse;
  const auto options = bench::read_options({argv + 1, argv + argc});
  if (!options) {
    std::cerr << "gate-bench: " << options.error().describe() << '\n' << bench::kUsage;
    return 2;
  }
  set_up_torch();
  const auto done = bench::run(*options);
  if (done) return 0;
  if (done.error().code == ErrorCode::unavailable) {
    std::cout << "SKIPPED " << options->source << ": " << done.error().describe() << '\n';
    return 0;
  }
  std::cerr << "gate-bench: " << done.error().describe() << '\n';
  return 1;
}
