#include "daemon/ctl/ctl.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>

#include "core/base/files.h"
#include "daemon/ctl/commands.h"

namespace defuse::ctl {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 pass or done, 1 fail, 2 usage or configuration, 3 inconclusive,\n4 error or not judged, 124 timed "
    "out waiting.";

// What every verb may be given.
struct Globals {
  std::string url = "http://127.0.0.1:8470";
  std::string token;
  std::string token_file;
  std::string output = "text";
  bool no_color = false;
};

// All words of all verbs; CLI11 fills them while parsing, the chosen verb reads its own.
struct Arguments {
  std::string model, version, region, label, note, reason, ticket, approved_by, expires, span, job, waiver, finding;
  std::vector<std::string> versions;
  bool override_verdict = false;
  std::string timeout = "30m";
  ReportRequest report;
  EvaluateRequest evaluate;
  SignRequest sign;
  VerifyRequest verify;
  CorrectRequest correct;
  std::string correct_timeout = "2h";
  LabelFile labels;
  std::string distillation = "none";
  std::string config, state_dir, name, scope = "read";
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

class Tool {
 public:
  explicit Tool(const Surroundings& around) : around_(around), console_(around.out, around.err) {
    app_.name("defusectl");
    app_.description("Asks defused, the gate for model releases, and tells it what people decide.");
    app_.footer(kExitCodes);
    app_.set_version_flag("--version", std::string("defusectl ") + DEFUSED_VERSION);
    app_.require_subcommand(1);
    app_.add_option("--url", globals_.url, "where defused listens")->envname("DEFUSED_URL")->capture_default_str();
    app_.add_option("--token", globals_.token, "token (better: --token-file, or $DEFUSED_TOKEN)");
    app_.add_option("--token-file", globals_.token_file, "file that holds the token");
    app_.add_option("--output", globals_.output, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    app_.add_flag("--no-color", globals_.no_color, "no colours; so does $NO_COLOR");
    add_asking();
    add_acting();
    add_waivers();
    add_local();
  }

  int run(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
      app_.parse(words);
    } catch (const CLI::ParseError& ended) {
      // Help and the version are answers; everything else is wrong use.
      return app_.exit(ended, around_.out, around_.err) == 0 ? kPass : kUsage;
    }
    console_.json = globals_.output == "json";
    console_.colour = around_.out_is_terminal && !globals_.no_color && environment("NO_COLOR").empty();
    console_.live = around_.err_is_terminal && !console_.json;
    return chosen_ ? chosen_() : static_cast<int>(kUsage);
  }

 private:
  using Verb = std::function<int()>;
  using RemoteVerb = std::function<int(const Remote&)>;

  CLI::App* verb(CLI::App* parent, const char* name, const char* text, Verb action) {
    auto* sub = parent->add_subcommand(name, text);
    sub->fallthrough();  // --url and the like may come last
    if (action) sub->callback([this, action = std::move(action)] { chosen_ = action; });
    return sub;
  }

  CLI::App* remote_verb(CLI::App* parent, const char* name, const char* text, RemoteVerb action) {
    return verb(parent, name, text, [this, action = std::move(action)] {
      const auto remote = connect();
      return remote ? action(*remote) : console_.failed(remote.error());
    });
  }

  Result<Remote> connect() const {
    TRY(url, parse_url(globals_.url));
    std::string token = globals_.token;
    if (token.empty() && !globals_.token_file.empty()) {
      auto text = read_file(globals_.token_file, 4096);
      if (!text) return fail(ErrorCode::invalid_input, "--token-file: " + text.error().message);
      token = trimmed(std::move(*text));
    }
    if (token.empty()) token = trimmed(environment("DEFUSED_TOKEN"));
    return Remote(std::move(url), std::move(token));
  }

  CLI::App* with_model(CLI::App* sub) {
    sub->add_option("model", arguments_.model, "model line")->required();
    return sub;
  }
  CLI::App* with_version(CLI::App* sub) {
    with_model(sub)->add_option("version", arguments_.version, "version of it")->required();
    return sub;
  }

  void add_asking() {
    remote_verb(&app_, "status", "what the daemon does and how its models stand",
                [this](const Remote& r) { return status(r, console_); });
    remote_verb(&app_, "models", "all models", [this](const Remote& r) { return models(r, console_); });
    with_model(remote_verb(&app_, "versions", "versions of a model, newest first",
                           [this](const Remote& r) { return versions(r, console_, arguments_.model); }));
    with_version(remote_verb(&app_, "verdict", "verdict on a version, with reasons", [this](const Remote& r) {
      return verdict(r, console_, arguments_.model, arguments_.version);
    }));
    auto* waiting =
        with_version(remote_verb(&app_, "wait", "wait for the verdict on a version; the exit code is the answer",
                                 [this](const Remote& r) { return wait_for(r); }));
    waiting->add_option("--timeout", arguments_.timeout, "how long, such as 90s, 30m or 2h")->capture_default_str();
    auto* reporting = remote_verb(&app_, "report", "report on a version", [this](const Remote& r) {
      arguments_.report.model = arguments_.model;
      arguments_.report.version = arguments_.version;
      return report(r, console_, arguments_.report);
    });
    with_version(reporting);
    reporting->add_option("--format", arguments_.report.format, "json, html, markdown, junit or sarif")
        ->check(CLI::IsMember({"json", "html", "markdown", "junit", "sarif"}))
        ->capture_default_str();
    reporting->add_option("--output", arguments_.report.file, "file to write; without it the report goes to stdout");
    with_model(remote_verb(&app_, "regions", "bug regions of a model",
                           [this](const Remote& r) { return regions(r, console_, arguments_.model); }));
  }

  void add_acting() {
    auto* labelling = remote_verb(&app_, "label", "say what a region is", [this](const Remote& r) {
      return label(r, console_, arguments_.region, arguments_.label, arguments_.note);
    });
    labelling->add_option("region", arguments_.region, "id of the region")->required();
    labelling->add_option("label", arguments_.label, "confirmed, class:<number>, ambiguous, unrealistic or none")
        ->required();
    labelling->add_option("--note", arguments_.note, "why");

    auto* group = verb(&app_, "labels", "labels to a spreadsheet or a labelling service and back: export, import", {});
    group->require_subcommand(1);
    auto* giving = remote_verb(group, "export", "every region of a model as a row",
                               [this](const Remote& r) { return export_labels(r, console_, arguments_.labels); });
    giving->add_option("model", arguments_.labels.model, "model line")->required();
    giving->add_option("--format", arguments_.labels.format, "csv or json")
        ->check(CLI::IsMember({"csv", "json"}))
        ->capture_default_str();
    giving->add_option("--file", arguments_.labels.file, "file to write; without it the rows go to stdout");
    remote_verb(group, "import", "say what the rows of a file say (columns region and label, and note)",
                [this](const Remote& r) { return import_labels(r, console_, arguments_.labels.file); })
        ->add_option("file", arguments_.labels.file, "csv, or json by its ending")
        ->required();
    auto* promoting =
        with_version(remote_verb(&app_, "promote", "make a version the one in production", [this](const Remote& r) {
          return promote(r, console_, arguments_.model, arguments_.version, arguments_.reason,
                         arguments_.override_verdict);
        }));
    promoting->add_option("--reason", arguments_.reason, "why; kept in the audit log");
    promoting->add_flag("--override", arguments_.override_verdict, "although its gate does not pass; needs a reason");
    with_model(
        remote_verb(&app_, "rollback", "back to the version before",
                    [this](const Remote& r) { return rollback(r, console_, arguments_.model, arguments_.reason); }))
        ->add_option("--reason", arguments_.reason, "why; kept in the audit log")
        ->required();
    with_version(remote_verb(&app_, "retry", "judge a version again", [this](const Remote& r) {
      return retry(r, console_, arguments_.model, arguments_.version);
    }));
    remote_verb(&app_, "cancel", "cancel a job",
                [this](const Remote& r) { return cancel(r, console_, arguments_.job); })
        ->add_option("job", arguments_.job, "its number")
        ->required();
  }

  void add_waivers() {
    auto* group = verb(&app_, "waive", "dated exceptions: add, list, remove", {});
    group->require_subcommand(1);
    auto* adding = remote_verb(group, "add", "waive one finding or region for a while",
                               [this](const Remote& r) { return waive(r); });
    with_model(adding)->add_option("finding", arguments_.finding, "id of a finding or a region")->required();
    adding->add_option("--reason", arguments_.reason, "why it may pass")->required();
    adding->add_option("--ticket", arguments_.ticket, "where it is being dealt with")->required();
    adding->add_option("--approved-by", arguments_.approved_by, "who says so; the token's name if not given");
    adding->add_option("--versions", arguments_.versions, "only these versions (default: every one)")->delimiter(',');
    auto* expires = adding->add_option("--expires", arguments_.expires, "last moment, such as 2026-03-01");
    adding->add_option("--for", arguments_.span, "how long from now, such as 14d")->excludes(expires);
    remote_verb(group, "list", "waivers", [this](const Remote& r) {
      return list_waivers(r, console_, arguments_.model);
    })->add_option("--model", arguments_.model, "only those of this model");
    remote_verb(group, "remove", "take a waiver back",
                [this](const Remote& r) { return remove_waiver(r, console_, arguments_.waiver); })
        ->add_option("waiver", arguments_.waiver, "its id")
        ->required();
  }

  // With a version it is the daemon's job; without one it is done here, from files.
  int repair() {
    auto& local = arguments_.correct;
    local.wanted.settings.distillation = arguments_.distillation == "logits" ? Distillation::logits
                                         : arguments_.distillation == "kl"   ? Distillation::kl
                                                                             : Distillation::none;
    const bool of_daemon = !local.wanted.version.empty() || !arguments_.job.empty();
    const bool of_files = !local.config.empty() || !local.candidate.empty() || !local.gate.empty();
    const auto wrong = [&](const char* why) { return console_.failed({ErrorCode::invalid_input, why, {}}); };
    if (of_daemon && (of_files || !local.incumbent.empty() || !local.cache.empty()))
      return wrong("correct: a version that the daemon repairs needs no files (--config, --candidate, --gate, …)");
    if (of_daemon) {
      const auto timeout = parse_span(arguments_.correct_timeout);
      if (!timeout) return console_.failed(timeout.error());
      RemoteRepair request;
      request.wanted = local.wanted;
      request.job = arguments_.job;
      request.timeout = *timeout;
      const auto remote = connect();
      return remote ? correct(*remote, console_, request) : console_.failed(remote.error());
    }
    if (local.config.empty() || local.candidate.empty() || local.gate.empty() || local.wanted.model.empty() ||
        local.wanted.out.empty())
      return wrong(
          "correct: name MODEL and VERSION for the daemon; without one, --config, --model, --candidate, --gate and "
          "--out");
    return correct(console_, local);
  }

  void add_correct() {
    auto& files = arguments_.correct;
    auto& wanted = files.wanted;
    auto* repairing = verb(&app_, "correct",
                           "repair a version's bug regions by tuning it: MODEL VERSION by the daemon, or from files "
                           "without one (--config, --model, --candidate, --gate, --out)",
                           [this] { return repair(); });
    repairing->add_option("model,--model", wanted.model, "model line");
    repairing->add_option("version", wanted.version, "version of it, to be repaired by the daemon");
    repairing->add_option("--job", arguments_.job, "daemon: follow this correction instead of ordering one")
        ->check(CLI::NonNegativeNumber);
    repairing->add_option("--timeout", arguments_.correct_timeout, "daemon: how long to wait, such as 90s, 30m or 2h")
        ->capture_default_str();
    repairing->add_option("--config", files.config, "files: configuration that knows the model");
    repairing->add_option("--candidate", files.candidate, "files: folder or model.pt of the version to be repaired");
    repairing->add_option("--gate", files.gate, "files: report folder of that version's gate");
    repairing->add_option("--incumbent", files.incumbent, "files: the version in production: the teacher of --distil");
    repairing
        ->add_option("--region", wanted.regions,
                     "region to repair; may be repeated (default: every new or worse one that people did not set "
                     "aside)")
        ->allow_extra_args(false);
    repairing->add_option(
        "--out", wanted.out,
        "folder for the tuned model and its manifest, such as a new version's; from files also for the "
        "table and the picture");
    repairing->add_option("--cache", files.cache,
                          "files: folder of the gate's cache (default: in the gate's report folder)");
    repairing->add_option("--lambda", wanted.settings.lambdas, "weights of the regions' loss to try, rising")
        ->delimiter(',');
    repairing->add_option("--steps", wanted.settings.steps, "steps of each tuning")->capture_default_str();
    repairing->add_option("--batch", wanted.settings.batch, "training images a step, and as many of the regions")
        ->capture_default_str();
    repairing->add_option("--learning-rate", wanted.settings.learning_rate, "of gradient descent with momentum")
        ->capture_default_str();
    repairing->add_option("--max-loss", wanted.settings.max_loss, "of accuracy that repairing may cost, as a fraction")
        ->capture_default_str();
    repairing
        ->add_option("--distil", arguments_.distillation,
                     "keep near the incumbent where it is right: none, logits or kl")
        ->check(CLI::IsMember({"none", "logits", "kl"}))
        ->capture_default_str();
    repairing->add_option("--distil-weight", wanted.settings.distillation_weight, "of that, beside the losses")
        ->capture_default_str();
    repairing->add_flag("--update-batch-norm", wanted.settings.update_batch_norm,
                        "let batch norm learn new statistics (default: it keeps those it has)");
  }

  void add_signing() {
    auto* signing = verb(&app_, "sign", "complete a version's manifest.json and sign it (manifest.json.sig)",
                         [this] { return sign(console_, arguments_.sign); });
    signing->add_option("--key", arguments_.sign.key, "private key, Ed25519, PEM (openssl genpkey -algorithm ed25519)")
        ->required();
    auto* checking = verb(&app_, "verify", "is a version signed as the daemon wants it? exit 0 if so, 1 if not",
                          [this] { return verify(console_, arguments_.verify); });
    checking->add_option("--key", arguments_.verify.keys, "public key whose signature counts; may be repeated")
        ->allow_extra_args(false);
    checking->add_option("--config", arguments_.verify.config, "configuration that names keys");
    const auto with_folder = [](CLI::App* sub, SignedFolder& of) {
      sub->add_option("folder", of.folder, "version's folder, with model.pt in it")->required();
      sub->add_option("--model", of.model, "model line (default: the name of the folder above)");
      sub->add_option("--version", of.version, "version (default: the folder's name)");
    };
    with_folder(signing, arguments_.sign.of);
    with_folder(checking, arguments_.verify.of);
  }

  void add_local() {
    auto* judging = verb(&app_, "evaluate", "run one gate without a daemon",
                         [this] { return evaluate(console_, arguments_.evaluate, around_.clock); });
    judging->add_option("--config", arguments_.evaluate.gate.config, "configuration that knows the model")->required();
    judging->add_option("--model", arguments_.evaluate.gate.model, "model line")->required();
    judging->add_option("--candidate", arguments_.evaluate.gate.candidate, "version's folder or model.pt")->required();
    judging->add_option("--incumbent", arguments_.evaluate.gate.incumbent, "the same of the version in production");
    judging->add_option("--sibling", arguments_.evaluate.gate.siblings,
                        "version as good as the incumbent, for the noise floor; may be repeated");
    judging->add_option("--report", arguments_.evaluate.report, "folder for the reports")->required();
    judging->add_option("--cache", arguments_.evaluate.gate.cache,
                        "folder to keep what later runs can use (default: in the report's)");
    judging->add_option("--work", arguments_.evaluate.work, "folder for the worker's files (default: a temporary one)");

    add_correct();
    add_signing();

    auto* configuration = verb(&app_, "config", "configuration files: check", {});
    configuration->require_subcommand(1);
    verb(configuration, "check", "is this configuration file fine?",
         [this] { return config_check(console_, arguments_.config); })
        ->add_option("file", arguments_.config, "the file")
        ->required();

    auto* data = verb(&app_, "dataset", "data sets: inspect", {});
    data->require_subcommand(1);
    auto* inspecting = verb(data, "inspect", "what is in a model's data",
                            [this] { return dataset_inspect(console_, arguments_.config, arguments_.model); });
    inspecting->add_option("--config", arguments_.config, "configuration that knows the model")->required();
    inspecting->add_option("--model", arguments_.model, "model line")->required();

    auto* tokens = verb(&app_, "token", "who may read and act: create, list, revoke", {});
    tokens->require_subcommand(1);
    auto* creating = verb(tokens, "create", "make a token and print it, once", [this] {
      return token_create(console_, place(), arguments_.name, arguments_.scope, arguments_.expires, around_.clock);
    });
    auto* listing = verb(tokens, "list", "tokens, without their secrets",
                         [this] { return token_list(console_, place(), around_.clock); });
    auto* revoking = verb(tokens, "revoke", "end a token at once",
                          [this] { return token_revoke(console_, place(), arguments_.name); });
    for (auto* sub : {creating, revoking})
      sub->add_option("name", arguments_.name, "its name, as the audit log will show it")->required();
    creating->add_option("--scope", arguments_.scope, "read or operate")
        ->check(CLI::IsMember({"read", "operate"}))
        ->capture_default_str();
    creating->add_option("--expires", arguments_.expires,
                         "when it ends: a span such as 90d or a date; never if not given");
    auto* audit = verb(&app_, "audit", "the audit log: verify", {});
    audit->require_subcommand(1);
    auto* verifying = verb(audit, "verify", "does each row of it fit the one before?",
                           [this] { return audit_verify(console_, place(), around_.clock); });
    for (auto* sub : {creating, listing, revoking, verifying}) {
      auto* state = sub->add_option("--state-dir", arguments_.state_dir, "the daemon's state folder");
      sub->add_option("--config", arguments_.config, "configuration that names it")->excludes(state);
    }
  }

  TokenPlace place() const { return {arguments_.state_dir, arguments_.config}; }

  int wait_for(const Remote& remote) {
    const auto timeout = parse_span(arguments_.timeout);
    if (!timeout) return console_.failed(timeout.error());
    WaitRequest request;
    request.model = arguments_.model;
    request.version = arguments_.version;
    request.timeout = *timeout;
    return wait(remote, console_, request);
  }

  int waive(const Remote& remote) {
    WaiverRequest request{arguments_.model,  arguments_.finding,     arguments_.versions, arguments_.reason,
                          arguments_.ticket, arguments_.approved_by, arguments_.expires};
    if (!arguments_.span.empty()) {
      const auto span = parse_span(arguments_.span);
      if (!span) return console_.failed(span.error());
      request.expires = to_rfc3339(around_.clock.now() + *span);
    }
    if (request.expires.empty())
      return console_.failed({ErrorCode::invalid_input, "a waiver ends some day: --expires or --for", {}});
    return add_waiver(remote, console_, request);
  }

  const Surroundings& around_;
  Console console_;
  Globals globals_;
  Arguments arguments_;
  CLI::App app_;
  Verb chosen_;
};

}  // namespace

int run(std::vector<std::string> words, const Surroundings& around) {
  try {
    return Tool(around).run(std::move(words));
  } catch (const std::exception& problem) {  // a bug of ours or no memory: whatever it was, nothing was judged
    around.err << "defusectl: unexpected: " << problem.what() << std::endl;
    return kError;
  }
}

}  // namespace defuse::ctl
