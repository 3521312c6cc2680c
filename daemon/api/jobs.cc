// Jobs, the stream of events, and the audit log.
#include <charconv>

#include "daemon/api/handlers.h"

namespace defuse::http {
namespace {

template <class Number>
Result<Number> number_of(const std::string& text, const std::string& name) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return fail(ErrorCode::invalid_input, name + ": expected a number");
  return value;
}

// The store keeps details as JSON text; a row whose text is not JSON is shown as it is rather than hidden.
Json detail_of(const AuditRow& row) {
  auto parsed = parse_json(row.detail, "detail");
  return parsed ? std::move(*parsed) : Json(row.detail);
}

}  // namespace

Answer jobs(const Call& call) {
  TRY(limit, limit_of(call, 100));
  TRY(store, call.read.store());
  TRY(rows, store->jobs.newest(limit));
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(job_json(row));
  return json_response({{"jobs", std::move(list)}});
}

Answer job(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, store->jobs.find(std::stoll(call.at("job"))));
  if (!row) return fail(ErrorCode::not_found, "no job " + call.at("job"));
  return json_response(job_json(*row));
}

// A client that lost its connection says where it was: Last-Event-ID by itself, ?after= by hand.
Answer events(const Call& call) {
  ApiResponse response;
  response.content_type = "text/event-stream";
  response.event_stream = true;
  std::string last;
  if (const auto given = call.request.headers.find("last-event-id"); given != call.request.headers.end())
    last = given->second;
  if (const auto given = call.query.find("after"); given != call.query.end()) last = given->second;
  if (!last.empty()) {
    TRY(id, number_of<std::uint64_t>(last, "after"));
    response.event_id = id;
  }
  return response;
}

Answer audit(const Call& call) {
  TRY(limit, limit_of(call, 100));
  std::int64_t before = INT64_MAX;
  if (const auto given = call.query.find("before"); given != call.query.end()) {
    TRY(number, number_of<std::int64_t>(given->second, "before"));
    before = number;
  }
  TRY(store, call.read.store());
  TRY(rows, store->audit.rows(before, limit));
  Json list = Json::array();
  for (const auto& row : rows)
    list.push_back({{"id", row.id},
                    {"at", to_rfc3339(row.at)},
                    {"who", row.who},
                    {"action", row.action},
                    {"subject", row.subject},
                    {"detail", detail_of(row)},
                    {"hash", row.hash}});
  Json next;
  if (rows.size() == limit && rows.back().id > 1) next = rows.back().id;
  return json_response({{"rows", std::move(list)}, {"next", std::move(next)}});
}

}  // namespace defuse::http
