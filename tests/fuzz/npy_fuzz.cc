// NumPy's .npy files: a byte of wishes, the labels' file with its length, the images' file.
#include "core/data/npy.h"
#include "tests/fuzz/datasets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  const auto wishes = input.byte();
  const auto labels = input.piece();
  static fuzz::DataFolder folder;
  folder.tree.file("labels", labels).file("images", input.rest());
  folder.check(
      open_npy({folder.tree / "images", folder.tree / "labels"}, fuzz::settings_of(wishes), fuzz::classes_of(wishes)),
      wishes);
  return 0;
}
