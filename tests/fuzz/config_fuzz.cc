// Configuration and job files: 'c' and defused.yaml, 'm' and one model's part of it, 'j' and a job.json.
#include <string>

#include "config/config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

namespace defuse {
namespace {

const std::filesystem::path kFile = "/srv/fuzz/defused.yaml";

// What is read is written so that it reads the same; what is refused says so in lines that a terminal can show.
template <class Read>
void check(std::string_view text, Read&& read) {
  const auto value = read(text);
  if (!value) {
    fuzz::require_names(value.error(), "defused.yaml");
    for (const char c : value.error().message)
      fuzz::require(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), "errors are printable",
                    value.error().message);
    return;
  }
  const auto written = dump_json(to_json(*value), 2);
  const auto again = read(written);
  fuzz::require(again.has_value(), "what is written can be read", again ? "" : again.error().message + "\n" + written);
  const auto twice = dump_json(to_json(*again), 2);
  fuzz::require(twice == written, "reading and writing change nothing", written + "\n" + twice);
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  switch (input.byte()) {
    case 'j':
      check(input.rest(), [](std::string_view text) { return job_from_json(text, kFile); });
      break;
    case 'm':
      check(input.rest(), [](std::string_view text) { return parse_model_settings(text, "digits", kFile); });
      break;
    default:
      check(input.rest(), [](std::string_view text) { return parse_config(text, kFile); });
  }
  return 0;
}
