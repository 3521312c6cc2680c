// IDX files, plain and gzip: a byte of wishes, the labels' file with its length, the images' file.
#include <zlib.h>

#include <algorithm>

#include "core/data/idx.h"
#include "tests/fuzz/datasets.h"

namespace defuse {
namespace {

// The fuzzer cannot guess checksums.
std::string compressed(std::string_view bytes) {
  z_stream stream{};
  fuzz::require(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  fuzz::require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  const auto wishes = input.byte();
  const auto labels = input.piece();
  static fuzz::DataFolder folder;
  folder.tree.file("labels", (wishes & 4) != 0 ? compressed(labels) : std::string(labels));
  folder.tree.file("images", (wishes & 8) != 0 ? compressed(input.rest()) : std::string(input.rest()));
  const IdxSource source{folder.tree / "images", folder.tree / "labels"};
  folder.check(open_idx(source, fuzz::settings_of(wishes), fuzz::classes_of(wishes), folder.tree / "cache"), wishes);
  if ((wishes & 8) != 0 || input.rest().starts_with("\x1f\x8b")) folder.tree.remove("cache");
  return 0;
}
