#include "daemon/local/worker_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <optional>
#include <utility>

namespace defuse::local {

Result<WorkerExit> run_worker(const JobSpec& job, const std::filesystem::path& folder, const OnProgress& progress) {
  TRY(worker, find_worker());
  SupervisorOptions options;
  options.worker = std::move(worker);
  options.environment = worker_environment();
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  Supervisor supervisor(io, std::move(options));
  bool interrupted = false;
  signals.async_wait([&](const boost::system::error_code& error, int) {
    interrupted = !error;
    if (interrupted) supervisor.stop(Supervisor::How::politely);
  });
  std::optional<WorkerExit> exit;
  TRY_OK(supervisor.start(folder, WorkerLimits{job.worker.timeout, job.worker.memory}, progress,
                          [&](const WorkerExit& ended) {
                            exit = ended;
                            io.stop();
                          }));
  io.run();
  if (interrupted) return fail(ErrorCode::cancelled, "interrupted");
  if (!exit) return fail(ErrorCode::internal, "lost track of the worker process");
  return *exit;
}

}  // namespace defuse::local
