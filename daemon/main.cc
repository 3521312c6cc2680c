// defused: reads its configuration, puts the App together and runs it.
// Exit codes: 0 stopped as asked, 1 could not run, 2 usage or configuration (systemd does not restart on 2).
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "config/config.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "daemon/app.h"
#include "daemon/http/server.h"
#include "daemon/notify.h"
#include "daemon/process/sandbox_probe.h"
#include "daemon/process/supervisor.h"
#include "daemon/process/worker_cgroup.h"
#include "daemon/watch/registry_parts.h"

namespace {

constexpr int kCannotRun = 1;
constexpr int kUsage = 2;
// Measured: of 10 and 19, and of SCHED_BATCH and SCHED_IDLE, 10 was enough to keep answers quick while a worker uses
// every core, and leaves a worker its share beside other programs.
constexpr int kWorkerNice = 10;

constexpr std::chrono::seconds kProbePatience{60};

struct Arguments {
  std::filesystem::path config = "/etc/defused/defused.yaml";
  std::filesystem::path state_dir;
  bool check_config = false;
};

defuse::Result<defuse::Config> load(const Arguments& arguments) {
  // Absolute, because workers are given paths made from these.
  TRY(config, defuse::load_config(std::filesystem::absolute(arguments.config)));
  if (!arguments.state_dir.empty()) config.state_dir = arguments.state_dir;
  config.state_dir = std::filesystem::absolute(config.state_dir);
  return config;
}

defuse::Result<defuse::HttpEndpoint> start_http(const defuse::HttpSettings& settings, defuse::ReadModel& read,
                                                defuse::Actions& actions, const std::filesystem::path& state) {
  TRY(server, defuse::HttpServer::start(settings, read, actions, state));
  const int port = server->port();
  // For whoever asked for port 0, and for scripts on this machine.
  const bool ipv6 = settings.host.find(':') != std::string::npos;
  TRY_OK(
      defuse::write_atomically(defuse::StateFolder{state}.address(),
                               (ipv6 ? "[" + settings.host + "]" : settings.host) + ":" + std::to_string(port) + "\n"));
  const std::shared_ptr<defuse::HttpServer> shared(std::move(server));
  return defuse::HttpEndpoint{shared, port, [weak = std::weak_ptr(shared)](defuse::TlsCertificate::When when) {
                                const auto alive = weak.lock();
                                return alive ? alive->look_at_certificate(when) : defuse::CertificateState{};
                              }};
}

int run(const Arguments& arguments, defuse::Config config) {
  defuse::set_up_logging(config.log_level);
  spdlog::info("defused {} starting, configuration {}, state {}", DEFUSED_VERSION, arguments.config.string(),
               config.state_dir.string());
  const defuse::SystemClock clock;
  auto worker = defuse::find_worker();
  if (!worker) {
    spdlog::critical("{}", worker.error().describe());
    return kCannotRun;
  }
  defuse::AppOptions options;
  options.config = std::make_shared<const defuse::Config>(std::move(config));
  options.load = [arguments] { return load(arguments); };
  options.clock = &clock;
  options.supervision.worker = std::move(*worker);
  options.supervision.environment = defuse::worker_environment();
  options.supervision.nice = kWorkerNice;
  if (auto cgroups = defuse::WorkerCgroups::take()) {
    options.supervision.cgroups = std::make_shared<const defuse::WorkerCgroups>(std::move(*cgroups));
    options.memory_limit = "a control group, rlimits and watching";
  } else {
    options.memory_limit = "rlimits and watching (no control group: " + cgroups.error().message + ")";
  }
  options.probe_sandbox =
      [asked = defuse::SpawnRequest{options.supervision.worker, {"--sandbox"}, options.supervision.environment}](
          const auto& give_up) { return defuse::probe_sandbox(asked, kProbePatience, give_up); };
  options.registry = defuse::registry_parts(clock);
  options.start_http = start_http;
  auto app = defuse::App::create(std::move(options));
  const auto ran = app ? (*app)->run() : defuse::Result<void>(tl::unexpected<defuse::Error>(app.error()));
  if (!ran) {
    spdlog::critical("{}", ran.error().describe());
    return kCannotRun;
  }
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that hangs up is no reason to end
  CLI::App cli{"defused: a gate for model releases. Watches a registry and judges every new version."};
  Arguments arguments;
  cli.add_option("--config", arguments.config, "Configuration file")->capture_default_str();
  cli.add_option("--state-dir", arguments.state_dir, "State folder, instead of the configuration's");
  cli.add_flag("--check-config", arguments.check_config, "Check the configuration and exit: 0 good, 2 bad");
  cli.set_version_flag("--version", std::string("defused ") + DEFUSED_VERSION);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : kUsage;  // --help and --version come this way too
  }
  auto config = load(arguments);
  if (!config) {
    std::cerr << (defuse::logs_to_journal() ? "<3>" : "") << config.error().describe() << '\n';
    return kUsage;
  }
  if (arguments.check_config) {
    std::cout << arguments.config.string() << ": ok, " << config->models.size()
              << (config->models.size() == 1 ? " model\n" : " models\n");
    return 0;
  }
  return run(arguments, std::move(*config));
}
