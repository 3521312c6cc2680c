#include "daemon/app.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "core/base/files.h"

namespace defuse {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::hours kCertificateWarning{24 * 14};

Result<UniqueFd> lock_state(const StateFolder& state) {
  UniqueFd fd(::open(state.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) return fail(ErrorCode::io, "cannot open " + state.lock().string() + ": " + std::strerror(errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return fail(ErrorCode::io, "cannot lock " + state.lock().string() + ": " + std::strerror(errno));
    const auto owner = read_file(state.lock(), 32);
    return fail(ErrorCode::conflict, "another defused" +
                                         (owner && !owner->empty() ? " (process " + *owner + ")" : std::string()) +
                                         " uses the state folder " + state.root.string());
  }
  const auto pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
    return fail(ErrorCode::io, "cannot write " + state.lock().string() + ": " + std::strerror(errno));
  return fd;
}

std::vector<std::string> names_of(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, settings] : config.models) names.push_back(name);
  return names;
}

}  // namespace

std::string needs_restart(const Config& now, const Config& next) {
  std::string changed;
  const auto note = [&](bool differs, const char* key) {
    if (differs) changed += (changed.empty() ? "" : ", ") + std::string(key);
  };
  note(now.state_dir != next.state_dir, "state_dir");
  note(now.registry.path != next.registry.path, "registry.path");
  note(now.http.host != next.http.host || now.http.port != next.http.port, "http.listen");
  note(now.http.certificate != next.http.certificate, "http.certificate");
  note(now.http.key != next.http.key, "http.key");
  return changed;
}

Result<std::unique_ptr<App>> App::create(AppOptions options) {
  const StateFolder state{options.config->state_dir};
  TRY_OK(state.create());
  TRY(lock, lock_state(state));
  TRY(store, Store::open(state.database(), Store::Mode::read_write, *options.clock));
  return std::unique_ptr<App>(new App(std::move(options), std::move(lock), std::move(store)));
}

App::App(AppOptions options, UniqueFd lock, std::unique_ptr<Store> store)
    : options_(std::move(options)),
      state_{options_.config->state_dir},
      lock_(std::move(lock)),
      store_(std::move(store)),
      io_(1),
      strand_(io_),
      live_(options_.config, state_.database(), *options_.clock),
      work_(io_),
      files_(*store_, live_, state_),
      rejudging_(work_, *store_, live_, files_, state_),
      states_(*store_, live_),
      jobs_({io_, work_, *store_, live_, states_, files_, rejudging_}, state_, options_.supervision),
      discovery_({io_, *store_, live_, states_, jobs_, files_}, options_.registry),
      actions_({strand_, *store_, live_, states_, jobs_, files_, rejudging_}, state_, options_.registry.identify),
      signals_(io_),
      house_(io_),
      watchdog_(io_) {
  live_.counters().watch_models(names_of(*options_.config));
  discovery_.on_scanned = [this] {
    if (!ready_) become_ready();
  };
}

App::~App() {
  strand_.close();
  if (sandbox_probe_.joinable()) sandbox_probe_.join();
  live_.close();
  http_ = {};
}

Result<void> App::run() {
  TRY_OK(recover());
  if (options_.handle_signals) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
    await_signal();
  }
  TRY_OK(start_http());
  ask_for_sandbox();
  discovery_.start();
  keep_house();
  jobs_.advance();
  io_.run();
  return {};
}

Result<void> App::recover() {
  TRY_OK(while_doing("while taking up interrupted jobs", jobs_.recover()));
  TRY_OK(discovery_.enqueue_unjudged());
  TRY(known, store_->versions.known());
  files_.refresh_present(known);
  return rejudging_.catch_up();
}

Result<void> App::start_http() {
  if (!options_.start_http) return {};
  TRY(endpoint, options_.start_http(live_.config()->http, live_, actions_, state_.root));
  http_ = std::move(endpoint);
  spdlog::info("listening on {}:{}", live_.config()->http.host, http_.port);
  return {};
}

void App::ask_for_sandbox() {
  live_.change_status([this](DaemonStatus& status) { status.memory_limit = options_.memory_limit; });
  if (!options_.probe_sandbox) return;
  sandbox_probe_ = std::thread([this] {
    const auto sandbox = options_.probe_sandbox([this] { return strand_.closed(); });
    if (!strand_.closed()) asio::post(io_, [this, sandbox] { learnt_sandbox(sandbox); });
  });
}

void App::learnt_sandbox(const Result<SandboxState>& sandbox) {
  const auto state = sandbox ? *sandbox : SandboxState{{}, {"all of it (" + sandbox.error().message + ")"}};
  live_.change_status([&](DaemonStatus& status) { status.sandbox = state; });
  live_.counters().sandbox_missing(state.missing.size());
  if (state.missing.empty()) return spdlog::info("workers' {}", state.describe());
  const bool required = live_.config()->worker.sandbox == SandboxMode::require;
  spdlog::log(required ? spdlog::level::err : spdlog::level::warn, "workers' {}{}", state.describe(),
              required ? "; worker.sandbox is require, so nothing will be judged" : "");
}

void App::become_ready() {
  ready_ = true;
  live_.change_status([](DaemonStatus& status) { status.ready = true; });
  notifier_.ready(jobs_.summary());
  spdlog::info("ready: {} models, {}", live_.config()->models.size(), jobs_.summary());
  if (const auto interval = Notifier::watchdog_interval()) tick_watchdog(*interval);
}

void App::tick_watchdog(std::chrono::microseconds interval) {
  notifier_.alive();
  watchdog_.expires_after(interval);
  watchdog_.async_wait([this, interval](const boost::system::error_code& error) {
    if (!error) tick_watchdog(interval);
  });
}

void App::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload();
      return await_signal();
    }
    spdlog::info("stopping");
    stop();
  });
}

void App::keep_house() {
  if (ready_)
    notifier_.status((live_.status().registry_problem.empty() ? "" : "registry cannot be read; ") + jobs_.summary());
  rejudging_.check_waivers();
  look_at_certificate(TlsCertificate::When::changed);
  house_.expires_after(options_.house_keeping);
  house_.async_wait([this](const boost::system::error_code& error) {
    if (!error) keep_house();
  });
}

// Says what changed since the last look, so once for each certificate and problem.
void App::look_at_certificate(TlsCertificate::When when) {
  if (!http_.certificate) return;
  const auto state = http_.certificate(when);
  if (!state.used) return;
  live_.counters().certificate_expires(state.expires);
  const auto left = state.expires - live_.clock().now();
  std::string problem;
  if (!state.problem.empty())
    problem = "the new one is not used, the old one stays in force: " + state.problem;
  else if (left <= std::chrono::milliseconds(0))
    problem = "it expired at " + to_rfc3339(state.expires);
  else if (left <= kCertificateWarning)
    problem = "it expires at " + to_rfc3339(state.expires);
  else
    problem = state.advice;
  const auto before = live_.status();
  if (before.certificate_problem == problem && before.certificate_expires == state.expires) return;
  live_.change_status([&](DaemonStatus& status) {
    status.certificate_problem = problem;
    status.certificate_expires = state.expires;
  });
  if (before.certificate_expires != state.expires)
    spdlog::info("http: TLS with a certificate that expires at {}", to_rfc3339(state.expires));
  if (!state.problem.empty() || left <= std::chrono::milliseconds(0))
    spdlog::error("http: certificate: {}", problem);
  else if (!problem.empty())
    spdlog::warn("http: certificate: {}", problem);
}

void App::request_stop() {
  asio::post(io_, [this] { stop(); });
}

void App::stop() {
  if (!strand_.close()) return;
  notifier_.stopping();
  live_.close();
  http_ = {};  // waits for handlers under way; those that wait for this strand see that it is closed
  jobs_.shut_down();
  discovery_.stop();
  signals_.cancel();
  io_.stop();
}

void App::reload() {
  notifier_.reloading();
  look_at_certificate(TlsCertificate::When::now);  // whatever the configuration says
  const auto before = live_.config();
  auto loaded = options_.load ? options_.load() : Result<Config>(*before);
  std::string problem;
  if (!loaded)
    problem = loaded.error().describe();
  else if (const auto keys = needs_restart(*before, *loaded); !keys.empty())
    problem = "a change of " + keys + " needs a restart";
  live_.change_status([&](DaemonStatus& status) { status.config_problem = problem; });
  if (!problem.empty()) {
    spdlog::error("reload refused, the old configuration stays in force: {}", problem);
    return notifier_.ready(jobs_.summary());
  }
  take_configuration(*before, std::move(*loaded));
  notifier_.ready(jobs_.summary());
}

void App::take_configuration(const Config& before, Config next) {
  for (const auto& [name, settings] : before.models)
    if (!next.models.contains(name))
      spdlog::warn("model {} is no longer configured: its queued jobs are dropped", name);
  for (const auto& [name, settings] : next.models)
    if (!before.models.contains(name)) spdlog::info("model {} is new in the configuration", name);
  const auto config = std::make_shared<const Config>(std::move(next));
  live_.set_config(config);
  live_.counters().watch_models(names_of(*config));
  spdlog::set_level(spdlog::level::from_str(config->log_level));
  discovery_.reconfigure(*config);
  if (const auto queued = discovery_.enqueue_unjudged(); !queued)
    spdlog::error("versions cannot be queued: {}", queued.error().describe());
  for (const auto& name : names_of(*config)) files_.refresh_all(ModelName(name));
  for (const auto& [name, settings] : before.models)  // the file of what is no longer watched is no answer either
    if (!config->models.contains(name)) files_.refresh_all(ModelName(name));
  live_.publish("config", Json::object());
  spdlog::info("configuration reloaded: {} models", config->models.size());
  jobs_.advance();
}

}  // namespace defuse
