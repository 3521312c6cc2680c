// The annotators' queue: the regions that people have yet to look at, one at a time, greatest impact first.
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

// `path`: of the queue, "/queue" or a model's.
Answer queue_page(const Call& call, Store& store, const ModelName& model, const std::string& path) {
  const std::string show = asked(call, "show");
  if (!show.empty() && show != "unlabelled" && show != "second")
    return fail(ErrorCode::invalid_input, "show: expected unlabelled or second");
  RegionQueue queue;
  queue.model = model;
  queue.second = show == "second";
  queue.after = RegionId(asked(call, "after"));
  if (!queue.after.empty() && !is_valid_name(queue.after))
    return fail(ErrorCode::invalid_input, "after: not a region's id");
  TRY(head, store.regions.queue(queue));
  const std::string start = path + (queue.second ? "?show=second" : "");
  Json data = {{"title", model.empty() ? "Queue" : model + ": queue"},
               {"program", "defused " DEFUSED_VERSION},
               {"at_queue", model.empty()},
               {"model", model},
               {"path", path},
               {"start", start},
               {"second", queue.second},
               {"left", head.left},
               {"any_left", head.left > 0},
               {"region", nullptr}};
  if (!head.region.empty()) {
    TRY(row, store.regions.find(head.region));
    if (!row) return fail(ErrorCode::not_found, "no region " + head.region);
    TRY(words, store.regions.labels(row->id));
    const auto samples = sample_rows(*row);
    Json shown = people_say(*row, words);
    shown.update({{"of_model", row->model},
                  {"status", to_string(row->region.status)},
                  {"sentence", row->region.sentence},
                  {"next", start + (queue.second ? "&" : "?") + "after=" + row->id},
                  {"has_samples", !samples.empty()},
                  {"samples", samples}});
    data["region"] = std::move(shown);
  }
  return html_with_scripts("dashboard_queue.mustache", data);
}

}  // namespace

Answer page_queue(const Call& call) {
  TRY(store, call.read.store());
  return queue_page(call, *store, "", "/queue");
}

Answer page_model_queue(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  return queue_page(call, *store, facts.model, "/models/" + facts.model + "/queue");
}

}  // namespace defuse::http
