// `defusectl wait`: what stands in a pipeline between "uploaded" and "promote". It asks the gate until there is an
// answer. A version that nobody has seen yet is waited for, because a pipeline may ask before the registry was scanned;
// a daemon that was there and went away is waited for a while, because it may be restarting; a daemon that never
// answered is an error at once.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "core/settings/units.h"
#include "daemon/ctl/commands.h"

namespace defuse::ctl {
namespace {

using Steady = std::chrono::steady_clock;

// The status decides; the body must not contradict it. Anything that does not fit is no verdict.
std::optional<VerdictState> state_of(const Reply& reply) {
  switch (reply.status) {
    case 200: {
      const auto ok = reply.body.find("ok");
      if (ok != reply.body.end() && ok->is_boolean() && ok->get<bool>() && text(reply.body, "verdict") == "pass")
        return VerdictState::pass;
      return VerdictState::error;
    }
    case 412:
      return VerdictState::fail;
    case 409:
      return VerdictState::inconclusive;
    case 422:
      return VerdictState::error;
    default:
      return std::nullopt;
  }
}

std::string describe(const Reply& reply) {
  std::string words = text(reply.body, "reason");
  const auto job = reply.body.find("job");
  if (job != reply.body.end() && job->is_object() && job->contains("progress") && (*job)["progress"].is_number() &&
      text(*job, "state") == "running")
    words += fmt::format(" ({:.0f} %{})", 100 * (*job)["progress"].get<double>(),
                         Console::until(text(*job, "station_ends")));
  return words;
}

// A name that the daemon does not watch will never be judged, however long one waits.
Result<void> watched(const Remote& remote, const std::string& model) {
  TRY(reply, remote.ask("GET", model_path(model)));
  if (reply.status >= 500) return {};  // the loop below has patience for that
  if (reply.status != 200) return tl::unexpected<Error>(refusal(reply.status, reply.body));
  const auto watched = reply.body.find("watched");
  if (watched != reply.body.end() && watched->is_boolean() && !watched->get<bool>())
    return fail(ErrorCode::not_found, "model " + model + " is no longer watched");
  return {};
}

std::string address(const Url& url) {
  const bool numeric6 = url.host.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}{}", url.tls ? "https" : "http", numeric6 ? "[" + url.host + "]" : url.host, url.port,
                     url.prefix);
}

int tell(const Remote& remote, Console& console, const WaitRequest& request, const Reply& reply, VerdictState state) {
  if (console.json) {
    console.print(reply.body);
    return exit_of(state);
  }
  const auto word = std::string(to_string(state));
  console.raw(Console::plain(request.model + " " + request.version) + ": " + console.word(word) + "\n");
  console.line(text(reply.body, "reason"));
  const auto findings = reply.body.find("findings");
  if (findings != reply.body.end() && findings->is_array())
    for (const auto& finding : *findings)
      if (finding.is_object() && text(finding, "waiver").empty()) console.line("- " + text(finding, "sentence"));
  const auto report = text(reply.body, "report");
  if (!report.empty()) console.say("report: " + address(remote.url()) + report + "?format=html");
  return exit_of(state);
}

}  // namespace

Result<std::chrono::milliseconds> parse_span(const std::string& text_span) {
  // "30m" is what most tools take; the configuration says "30min".
  const bool minutes = text_span.size() > 1 && text_span.back() == 'm';
  const auto span = parse_duration(minutes ? text_span + "in" : text_span);
  if (!span) return fail(ErrorCode::invalid_input, "'" + text_span + "' is not a time span: 90s, 30m, 2h or 14d");
  return *span;
}

int wait(const Remote& remote, Console& console, const WaitRequest& request) {
  if (const auto fine = watched(remote, request.model); !fine) return console.failed(fine.error());
  const auto deadline = Steady::now() + request.timeout;
  auto last_answer = Steady::now();
  std::string last_words = "the daemon did not answer";
  for (;;) {
    const auto reply = remote.ask("GET", version_path(request.model, request.version) + "/gate");
    const auto now = Steady::now();
    if (reply) {
      if (const auto state = state_of(*reply)) return tell(remote, console, request, *reply, *state);
      if (reply->status == 400 || reply->status == 401 || reply->status == 403)
        return console.failed(refusal(reply->status, reply->body));
      if (reply->status == 404 || reply->status == 503) {
        last_answer = now;
        last_words = describe(*reply);
      } else {
        last_words = refusal(reply->status, reply->body).message;
      }
    } else {
      last_words = reply.error().describe();
    }
    if (now - last_answer > request.patience) return console.failed({ErrorCode::unavailable, last_words, {}});
    if (now >= deadline) {
      console.say("defusectl: no verdict on " + request.model + " " + request.version + " in time: " + last_words);
      return kTimedOut;
    }
    console.progress(request.model + " " + request.version + ": " + last_words);
    std::this_thread::sleep_for(std::min<Steady::duration>(request.poll, deadline - now));
  }
}

}  // namespace defuse::ctl
